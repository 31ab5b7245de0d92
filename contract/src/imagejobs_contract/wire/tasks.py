"""One image's work as it travels to a pool worker: a value, and its JSON."""

import json
from dataclasses import dataclass, field
from typing import Any

from imagejobs_contract.model.items import Item, item_body, read_item
from imagejobs_contract.model.names import NO_CALLER, CallerName, JobKey, Uid
from imagejobs_contract.model.options import Variant, read_variants, variant_body
from imagejobs_contract.reader import Reader
from imagejobs_contract.wire.origin import Origin


@dataclass(frozen=True, slots=True)
class Task:
    """Everything that a worker needs for one image.

    Attributes:
        index: The image's place in the job.
        attempt: The job's attempt, from 1.
        attempts: How often a retryable error is tried, and how often the task may be delivered.
        prefix: S3 prefix of the outputs.
        lifetime_seconds: Age at which the result is no longer wanted, by the clock of the queue, which also
            stamps the task; 0 for any age. A worker's own clock does not matter.
        caller: Of the job (`imagejobs.dev/caller`).
        origin: For logs and spans.
    """

    key: JobKey
    uid: Uid
    index: int
    item: Item
    variants: tuple[Variant, ...]
    prefix: str
    attempt: int = 1
    attempts: int = 3
    cache_control: str | None = None
    lifetime_seconds: float = 0.0
    caller: CallerName = NO_CALLER
    origin: Origin = field(default_factory=Origin)

    @property
    def owner(self) -> str:
        """Return the owner of the images: a process that decodes one has never decoded another owner's."""
        return f"{self.key.namespace}/{self.caller}"

    def log_facts(self) -> dict[str, object]:
        """Return the facts of an image for its log lines."""
        known = {
            "job_id": self.key.name,
            "namespace": self.key.namespace,
            "image": self.index,
            "caller": self.caller,
            "request_id": self.origin.request_id,
        }
        return {name: value for name, value in known.items() if value != ""}

    def to_json(self) -> str:
        """Return the task as one JSON object."""
        body: dict[str, Any] = {
            "namespace": self.key.namespace,
            "name": self.key.name,
            "uid": self.uid,
            "index": self.index,
            "item": item_body(self.item),
            "variants": [variant_body(each) for each in self.variants],
            "prefix": self.prefix,
            "attempt": self.attempt,
            "attempts": self.attempts,
            "cacheControl": self.cache_control,
            "lifetimeSeconds": self.lifetime_seconds,
            "expires": 0.0,  # never; a worker of release 0.1 compares it with its own clock
            "caller": self.caller,
        }
        return json.dumps(body | self.origin.to_body(), separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Task":
        """Read what `to_json` wrote.

        Raises:
            ValueError: The text is not a task. (`Invalid` would blame a client, but the operator wrote it.)
        """
        try:
            body: dict[str, Any] = json.loads(text)
            reader = Reader(body)
            variants = read_variants(reader)
            item = reader.child("item")
            if item is None or reader.faults:
                raise ValueError(f"not a task: {'; '.join(map(str, reader.faults)) or 'no item'}")
            return cls(
                key=JobKey(body["namespace"], body["name"]),
                uid=Uid(body["uid"]),
                index=int(body["index"]),
                item=read_item(item),
                variants=variants,
                prefix=body["prefix"],
                attempt=int(body["attempt"]),
                attempts=int(body["attempts"]),
                cache_control=body["cacheControl"],
                # An operator of an older release does not send these two.
                lifetime_seconds=float(body.get("lifetimeSeconds", 0.0)),
                caller=CallerName(str(body.get("caller", ""))),
                origin=Origin.read(body),
            )
        except (KeyError, TypeError, AttributeError) as ex:
            raise ValueError(f"not a task: {ex!r}") from ex
