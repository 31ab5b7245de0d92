"""What each call that takes images may be given, and what it was given. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from imagejobs_api.submit.callback_url import FIELD as CALLBACK
from imagejobs_contract.errors import Fault, ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.options import NAMES, Fit, Gravity

FORM_BYTES = 2**20
"""What a form may hold beside its files: options, part headers, boundaries."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a call takes.

    Attributes:
        file_fields: Names of the fields that hold files, or their URLs.
        option_fields: Names of the fields that hold options.
        max_bytes: Of all files together.
        required: Options that must be given.
        fixed: Options that the call itself gives, and their values.
        takes_urls: The fields hold URLs, which the worker fetches.
    """

    file_fields: tuple[str, ...]
    option_fields: frozenset[str]
    max_files: int
    max_file_bytes: int
    max_bytes: int
    required: tuple[str, ...] = ()
    fixed: Mapping[str, StrEnum] = field(default_factory=dict)
    takes_urls: bool = False

    @property
    def max_body_bytes(self) -> int:
        """Return the largest body that can be right."""
        return self.max_bytes + FORM_BYTES


@dataclass(frozen=True, slots=True)
class Source:
    """An image as it was given: a file that was received, or a URL.

    Attributes:
        name: As the client named it, cleaned.
        key: Where a file was put.
        url: Where the worker finds it.
        where: The field that held it, for faults.
        digest: Of a file's bytes as they were stored, if that was asked for.
        refusal: Why it is certainly no image that we take, if that was seen at once. What was put is then
            only as much of it as shows the same to the worker
            (docs/adr/0004-refused-files-stay-in-the-batch.md).
    """

    name: str
    key: S3Key | None = None
    url: str | None = None
    where: str = ""
    digest: str = ""
    refusal: ImageFailed | None = None


@dataclass(slots=True)
class Received:
    """What a request held.

    Attributes:
        options: Texts, or from JSON any values.
        single: It is about one image, which is answered as one.
        upload_id: Under which files were stored; "" if there can be none.
    """

    sources: list[Source] = field(default_factory=list)
    options: dict[str, object] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    single: bool = True
    upload_id: str = ""

    def fault(self, where: str, what: str) -> None:
        """Note that a field is wrong."""
        self.faults.append(Fault(where, what))

    def add_option(self, name: str, value: object) -> None:
        """Note an option; one that is empty counts as not given, as HTML forms send all their fields."""
        value = value.strip() if isinstance(value, str) else value
        if name in self.options:
            self.fault(name, "is given more than once")
        elif value not in (None, ""):
            self.options[name] = value


def resize_form(limits: Limits) -> Form:
    """Return what `/api/resize` takes."""
    return Form(
        ("image",), frozenset({*NAMES, "name", CALLBACK}), 1, limits.max_file_bytes, limits.max_file_bytes
    )


def crop_form(limits: Limits, gravity: Gravity) -> Form:
    """Return what `/api/center-crop` and `/api/face-crop` take: a resize whose fit is settled."""
    fixed = {"fit": Fit.COVER, "gravity": gravity}
    return replace(
        resize_form(limits),
        option_fields=frozenset({*NAMES, "name", CALLBACK} - fixed.keys()),
        required=("width", "height"),
        fixed=fixed,
    )


def batch_form(limits: Limits) -> Form:
    """Return what `/api/batch` takes; `images[]` is how PHP and many form libraries spell a list."""
    return Form(
        ("images[]", "images"),
        frozenset({*NAMES, CALLBACK}),
        limits.max_batch_files,
        limits.max_file_bytes,
        limits.max_batch_bytes,
    )


def url_form(limits: Limits) -> Form:
    """Return what `/api/upload-from-url` takes: `url` is one image, `urls` are a batch, and no files come along."""
    return Form(
        ("url", "urls", "urls[]"),
        frozenset({*NAMES, "name", CALLBACK}),
        limits.max_batch_files,
        0,
        0,
        takes_urls=True,
    )
