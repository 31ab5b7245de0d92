"""The outcome of one image: a value, and the JSON in which programs pass it on.

The same JSON is a line of `results/<shard>.jsonl` in S3, a field of the item hash in Redis and, with fewer
fields, an element of `status.outcomes`.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from imagejobs_contract.codes import Code
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.placeholder import NO_PLACEHOLDER, Placeholder, read_placeholder

MAX_MESSAGE_LENGTH = 256


class ItemState(StrEnum):
    """The state of one image."""

    PENDING = "Pending"
    ACTIVE = "Active"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One stored result of one image.

    Attributes:
        variant: The variant's name.
        key: Of the object in S3.
        width: Pixels.
        height: Pixels.
        bytes: Its size.
        kept_original: The source was copied, because the result was not smaller (`only_if_smaller`).
        placeholder: If the variant asked for one.
    """

    variant: str
    key: S3Key
    width: int
    height: int
    format: Format
    bytes: int
    kept_original: bool = False
    placeholder: Placeholder = NO_PLACEHOLDER


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one image in one attempt: outputs, or a code.

    Attributes:
        index: Place in the items or the manifest, from 0.
        attempt: The attempt of the job in which it ended, from 1.
        bytes_in: Size of the source.
        cpu_milliseconds: Processor time of its rendering.
    """

    index: int
    name: str
    attempt: int = 1
    code: Code | None = None
    message: str = ""
    outputs: tuple[OutputFile, ...] = field(default=())
    bytes_in: int = 0
    cpu_milliseconds: int = 0

    @property
    def succeeded(self) -> bool:
        """Return whether the image has its results."""
        return self.code is None

    def counts_in(self, attempt: int, retry_codes: Collection[str]) -> bool:
        """Return whether the outcome counts in an attempt of its job.

        A success counts in all. A failure counts in its own attempt, and in a later one that does not work on
        the image again.

        Args:
            retry_codes: Codes of the failures that the attempt works on again (`spec.retryCodes`); none for
                all.
        """
        if self.code is None or self.attempt >= attempt:
            return True
        return bool(retry_codes) and self.code.value not in retry_codes

    @property
    def state(self) -> ItemState:
        """Return Succeeded or Failed."""
        return ItemState.SUCCEEDED if self.succeeded else ItemState.FAILED

    @property
    def bytes_out(self) -> int:
        """Return the size of all results."""
        return sum(output.bytes for output in self.outputs)

    def to_body(self) -> dict[str, Any]:
        """Return the outcome as JSON values; empty fields are left out."""
        body: dict[str, Any] = {
            "index": self.index,
            "name": self.name,
            "attempt": self.attempt,
            "state": self.state.value,
        }
        if self.code is not None:
            body |= {"code": self.code.value, "message": self.message[:MAX_MESSAGE_LENGTH]}
        if self.bytes_in:
            body["bytesIn"] = self.bytes_in
        if self.cpu_milliseconds:
            body["cpuMilliseconds"] = self.cpu_milliseconds
        if self.outputs:
            body["outputs"] = [_output_body(output) for output in self.outputs]
        return body

    def to_line(self) -> str:
        """Return one line of JSON, without the line feed."""
        return json.dumps(self.to_body(), separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> "Outcome":
        """Read what `to_body` wrote.

        Raises:
            ValueError: The body is not an outcome.
        """
        try:
            return cls(
                index=int(body["index"]),
                name=str(body.get("name", "")),
                attempt=int(body.get("attempt", 1)),
                code=_code(body),
                message=str(body.get("message", "")),
                outputs=tuple(_output(each) for each in body.get("outputs") or ()),
                bytes_in=int(body.get("bytesIn", 0)),
                cpu_milliseconds=int(body.get("cpuMilliseconds", 0)),
            )
        except (KeyError, TypeError, AttributeError) as ex:
            raise ValueError(f"not an outcome: {ex!r}") from ex

    @classmethod
    def from_line(cls, line: str | bytes) -> "Outcome":
        """Read what `to_line` wrote.

        Raises:
            ValueError: The line is not an outcome, for example because it was cut.
        """
        return cls.from_body(json.loads(line))


def latest_by_image(
    outcomes: Iterable[Outcome], attempt: int, retry_codes: Collection[str]
) -> dict[int, Outcome]:
    """Return, by index, the last outcome that counts in an attempt; a success is never replaced."""
    found: dict[int, Outcome] = {}
    for outcome in outcomes:
        known = found.get(outcome.index)
        if outcome.counts_in(attempt, retry_codes) and not (known and known.succeeded):
            found[outcome.index] = outcome
    return found


def _code(body: Mapping[str, Any]) -> Code | None:
    if body.get("state") == ItemState.SUCCEEDED:
        return None
    try:
        return Code(body.get("code", ""))
    except ValueError:
        return Code.INTERNAL_ERROR


def _output_body(output: OutputFile) -> dict[str, Any]:
    body: dict[str, Any] = {
        "variant": output.variant,
        "key": output.key,
        "width": output.width,
        "height": output.height,
        "format": output.format.value,
        "bytes": output.bytes,
    }
    if output.kept_original:
        body["keptOriginal"] = True
    if output.placeholder.thumbhash:
        body["thumbhash"] = output.placeholder.thumbhash
    if output.placeholder.main_colour:
        body["mainColour"] = output.placeholder.main_colour
    return body


def _output(body: Mapping[str, Any]) -> OutputFile:
    return OutputFile(
        variant=str(body["variant"]),
        key=S3Key(str(body["key"])),
        width=int(body["width"]),
        height=int(body["height"]),
        format=Format(body["format"]),
        bytes=int(body["bytes"]),
        kept_original=bool(body.get("keptOriginal", False)),
        placeholder=read_placeholder(body.get("thumbhash", ""), body.get("mainColour", "")),
    )
