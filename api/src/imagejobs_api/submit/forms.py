"""The forms of the calls that take images, and the values that were received. Values only."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from imagejobs_api.submit.callback_url import FIELD as CALLBACK
from imagejobs_contract.errors import Fault, ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.names import S3Key
from imagejobs_contract.model.options import NAMES, Fit, Gravity

FORM_OVERHEAD_BYTES = 2**20
"""Room in a body for everything but files: options, part headers, boundaries."""
_USUAL_FILE_FIELD = re.compile(r"(images?|files?)(\[[0-9]{0,4}\])?", re.ASCII)
"""`images[0]` of PHP, axios and React Native; `file` and `files[]` of Uppy and Dropzone."""
IMAGE_OF = "image_of"
"""The field of a sample that names an image of an earlier job, in place of a file."""
VARIANTS, PRESET = "variants", "preset"
"""Fields that ask for several results of each image; the other options then belong into each variant."""
UPLOADER_FIELDS = frozenset({"relativePath", "type"})
"""Facts of a file that Uppy sends beside it, whatever it is told; they change nothing."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields and bounds of one call.

    Attributes:
        file_fields: Names of the fields that hold files, or URLs of files.
        option_fields: Names of the fields that hold options.
        max_bytes: The largest sum of all files.
        required: Options that the client must give.
        fixed: Options that the call itself sets, and their values.
        takes_urls: Whether the file fields hold URLs, which the worker fetches.
        is_sample: Whether its jobs only show what options do.
    """

    file_fields: tuple[str, ...]
    option_fields: frozenset[str]
    max_files: int
    max_file_bytes: int
    max_bytes: int
    required: tuple[str, ...] = ()
    fixed: Mapping[str, StrEnum] = field(default_factory=dict)
    takes_urls: bool = False
    is_sample: bool = False

    def holds_images(self, name: str) -> bool:
        """Return whether a field holds images: also by the names that form libraries give of themselves."""
        if name in self.file_fields:
            return True
        return not self.takes_urls and _USUAL_FILE_FIELD.fullmatch(name) is not None

    @property
    def max_body_bytes(self) -> int:
        """Return the size of the largest body that may be valid."""
        return self.max_bytes + FORM_OVERHEAD_BYTES


@dataclass(frozen=True, slots=True)
class Source:
    """One image of a request: a received file, or a URL.

    Attributes:
        name: The client's name for it, cleaned.
        key: The S3 key of a received file, or of an earlier job's.
        url: Where the worker fetches it.
        where: The field that held it, for faults.
        digest: SHA-256 of a file's stored bytes; the key of an earlier job's file, which never changes; "" if
            it was not computed.
        refusal: The reason if the API already knows that this is not an image it takes. Then only the first
            bytes are stored, from which the worker sees the same
            (docs/adr/0004-refused-files-stay-in-the-batch.md).
    """

    name: str
    key: S3Key | None = None
    url: str | None = None
    where: str = ""
    digest: str = ""
    refusal: ImageFailed | None = None


@dataclass(slots=True)
class ReceivedForm:
    """The fields and images that were received.

    Attributes:
        options: Texts, or any JSON values.
        single: Whether the request is about one image and is answered with that image, not with a batch.
        upload_id: Names the prefix under which files were stored; "" if none were.
        earlier_prefix: The prefix of an earlier job's file, which this job may read; "" if it has none.
    """

    sources: list[Source] = field(default_factory=list)
    options: dict[str, object] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    single: bool = True
    upload_id: str = ""
    earlier_prefix: str = ""

    def add_fault(self, where: str, what: str) -> None:
        """Add a fault of a field."""
        self.faults.append(Fault(where, what))

    def add_option(self, name: str, value: object) -> None:
        """Add an option; an empty one counts as not given, because HTML forms send all their fields."""
        value = value.strip() if isinstance(value, str) else value
        if name in self.options:
            self.add_fault(name, "is given more than once")
        elif value not in (None, ""):
            self.options[name] = value


def resize_form(limits: Limits) -> Form:
    """Return the form of `/api/resize`."""
    return Form(
        ("image",),
        frozenset({*NAMES, VARIANTS, PRESET, "name", CALLBACK}),
        1,
        limits.max_file_bytes,
        limits.max_file_bytes,
    )


def sample_form(limits: Limits) -> Form:
    """Return the form of `/api/sample`: a resize whose job is nobody's to keep."""
    fields = frozenset({*NAMES, VARIANTS, PRESET, IMAGE_OF})
    return replace(resize_form(limits), option_fields=fields, is_sample=True)


def crop_form(limits: Limits, gravity: Gravity) -> Form:
    """Return the form of `/api/center-crop` or `/api/face-crop`: a resize with fixed `fit` and `gravity`."""
    fixed = {"fit": Fit.COVER, "gravity": gravity}
    return replace(
        resize_form(limits),
        option_fields=frozenset({*NAMES, "name", CALLBACK} - fixed.keys()),
        required=("width", "height"),
        fixed=fixed,
    )


def batch_form(limits: Limits) -> Form:
    """Return the form of `/api/batch`; PHP and many form libraries name a list `images[]`."""
    return Form(
        ("images[]", "images"),
        frozenset({*NAMES, VARIANTS, PRESET, CALLBACK}),
        limits.max_batch_files,
        limits.max_file_bytes,
        limits.max_batch_bytes,
    )


def url_form(limits: Limits) -> Form:
    """Return the form of `/api/upload-from-url`: `url` is one image, `urls` are a batch.

    It takes no files.
    """
    return Form(
        ("url", "urls", "urls[]"),
        frozenset({*NAMES, VARIANTS, PRESET, "name", CALLBACK}),
        limits.max_batch_files,
        0,
        0,
        takes_urls=True,
    )
