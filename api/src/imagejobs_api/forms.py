"""What a multipart form of each call may hold, and what one held. Values only."""

from dataclasses import dataclass, field

from imagejobs_contract.errors import Fault, ImageFailed
from imagejobs_contract.limits import Limits
from imagejobs_contract.options import NAMES

FORM_BYTES = 2**20
"""What a form may hold beside its files: options, part headers, boundaries."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a call takes.

    Attributes:
        file_fields: Names of the fields that hold files.
        option_fields: Names of the fields that hold options.
        max_bytes: Of all files together.
    """

    file_fields: tuple[str, ...]
    option_fields: frozenset[str]
    max_files: int
    max_file_bytes: int
    max_bytes: int

    @property
    def max_body_bytes(self) -> int:
        """Return the largest body that can be right."""
        return self.max_bytes + FORM_BYTES


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file as it was received.

    Attributes:
        name: As the client named it, cleaned.
        key: Where it was put.
        refusal: Why it is certainly no image that we take, if that was seen at once. What was put is then only as much of it
            as shows the same to the worker (docs/adr/0004-refused-files-stay-in-the-batch.md).
    """

    name: str
    key: str
    refusal: ImageFailed | None = None


@dataclass(slots=True)
class Received:
    """What a form held."""

    files: list[UploadedFile] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, where: str, what: str) -> None:
        """Note that a field is wrong."""
        self.faults.append(Fault(where, what))

    def add_option(self, name: str, value: str) -> None:
        """Note an option; one that is empty counts as not given, as HTML forms send all their fields."""
        value = value.strip()
        if name in self.options:
            self.fault(name, "is given more than once")
        elif value:
            self.options[name] = value


def resize_form(limits: Limits) -> Form:
    """Return what `/api/resize` takes."""
    return Form(("image",), frozenset({*NAMES, "name"}), 1, limits.max_file_bytes, limits.max_file_bytes)


def batch_form(limits: Limits) -> Form:
    """Return what `/api/batch` takes; `images[]` is how PHP and many form libraries spell a list."""
    return Form(("images[]", "images"), frozenset(NAMES), limits.max_batch_files, limits.max_file_bytes, limits.max_batch_bytes)
