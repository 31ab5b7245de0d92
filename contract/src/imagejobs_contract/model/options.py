"""The options of an image: names, bounds and defaults, once, for the API, the CRD's test and the docs.

The values are the same over HTTP and in the CRD; only the spelling of names differs (`max_size`, `maxSize`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from imagejobs_contract.model import limits
from imagejobs_contract.reader import Reader


class Format(StrEnum):
    """An encoding that results can have."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    GIF = "gif"
    TIFF = "tiff"

    @property
    def content_type(self) -> str:
        """Return the media type, as registered with IANA."""
        return f"image/{self.value}"

    @property
    def extension(self) -> str:
        """Return the usual file name extension, without a dot."""
        return "jpg" if self is Format.JPEG else self.value


class Fit(StrEnum):
    """How an image is made to fit width and height (sharp's words)."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    COVER = "cover"
    CONTAIN = "contain"
    FILL = "fill"


class Gravity(StrEnum):
    """The part of an image that is kept by a crop, or its place within the padding."""

    CENTER = "center"
    NORTH = "north"
    NORTHEAST = "northeast"
    EAST = "east"
    SOUTHEAST = "southeast"
    SOUTH = "south"
    SOUTHWEST = "southwest"
    WEST = "west"
    NORTHWEST = "northwest"
    FACE = "face"
    ENTROPY = "entropy"


class NoFace(StrEnum):
    """The result for an image without a face that is to be cropped around one."""

    FAIL = "fail"
    CENTER = "center"


class MaxSizeBy(StrEnum):
    """The property that is reduced so that a result is no larger than `max_size`."""

    QUALITY = "quality"
    PALETTE = "palette"
    SCALE = "scale"


class ChromaSubsampling(StrEnum):
    """How finely a lossy JPEG or AVIF stores colour: one for each pixel, or one for four."""

    AUTO = "auto"
    FULL = "4:4:4"
    QUARTER = "4:2:0"


LOSSY = frozenset({Format.JPEG, Format.WEBP, Format.AVIF})
"""Formats that have a quality, and so can be made to fit a size by it."""
MAY_BE_LOSSLESS = frozenset({Format.WEBP, Format.AVIF})
"""Lossy formats that can also keep every pixel."""
HAVE_SUBSAMPLING = frozenset({Format.JPEG, Format.AVIF})
"""Formats that let one choose how finely they store colour; a lossy WebP never stores all of it."""
KEEP_ALL, KEEP_COPYRIGHT, KEEP_NONE = "all", "copyright", "none"
"""Words for `keep_metadata` beside true and false."""
FULL_SUBSAMPLING_QUALITY = 90
"""From this quality on colour is stored for each pixel, as libvips does."""
AUTO = "auto"
"""The format that suits a request's `Accept`. Only the API knows it: an ImageJob never has it."""
DEFAULT_QUALITY = 80
DEFAULT_VARIANT = "default"
MAX_QUALITY = 100
MIN_RESULT_BYTES, MAX_RESULT_BYTES = 256, 32 * 2**20
"""Bytes of a result, for `max_size`."""
MAX_FRAMES = 256
"""Of an animation, for `frames`; a service's own limit may be smaller (`Limits.max_frames`)."""
BACKGROUND, MAX_BACKGROUND_LENGTH = "#?[0-9a-fA-F]{6}", len("#rrggbb")
"""As an ImageJob has it. Clients may send the colours of `colours.parse_colour`."""
CLIENT_BACKGROUND, MAX_CLIENT_BACKGROUND_LENGTH = "#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})|transparent", 60
FORMAT_ALIASES = {
    "jpg": "jpeg", "jpe": "jpeg", "jfif": "jpeg", "pjpeg": "jpeg", "tif": "tiff", "apng": "png",
    "image/jpg": "jpeg", "image/pjpeg": "jpeg", "image/apng": "png", "image/x-png": "png",
    "image/tif": "tiff",
    **{each.content_type: each.value for each in Format},
}  # fmt: skip
"""Other words that clients use for formats: extensions and media types."""


def _name_corners() -> dict[str, str]:
    """Return the words for sides and corners: `top`, `nw`, `left-top` and the like, in either order."""
    ours = ("north", "south", "east", "west")
    found: dict[str, str] = {}
    for words in (ours, ("top", "bottom", "right", "left"), ("n", "s", "e", "w")):
        side = dict(zip(words, ours, strict=True))
        found |= side
        for pair in ((down, across) for down in words[:2] for across in words[2:]):
            corner = side[pair[0]] + side[pair[1]]
            found |= {joint.join(each): corner for joint in ("", "-") for each in (pair, pair[::-1])}
    return found


GRAVITY_ALIASES = {"centre": "center", "middle": "center", **_name_corners()}
NAME_HINTS = {
    "w": "width", "h": "height", "q": "quality", "g": "gravity", "bg": "background", "f": "format",
    "fm": "format", "fmt": "format", "type": "format", "mode": "fit", "upscale": "enlarge",
}  # fmt: skip
FIT_HINTS = {
    "crop": "cover", "thumb": "cover", "pad": "contain", "letterbox": "contain", "stretch": "fill",
    "exact": "fill", "scale-down": "inside", "max": "inside", "limit": "inside", "clip": "inside",
    "min": "outside",
}  # fmt: skip
GRAVITY_HINTS = {"smart": "entropy", "attention": "entropy", "auto": "entropy"}
"""Names and words of other services: they mean nearly the same, so a fault names ours."""
MAX_SIZE_BY_ALIASES = {"colors": "palette", "colours": "palette"}
SUBSAMPLING_ALIASES = {"444": "4:4:4", "420": "4:2:0"}
NO_ALIASES: dict[str, str] = {}
VARIANT_NAME, MAX_VARIANT_NAME_LENGTH = "[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?", 32


@dataclass(frozen=True, slots=True)
class Variant:
    """One result that is made of each image.

    Attributes:
        name: Unique among the variants of a job; a DNS label of at most 32 characters.
        gravity: `face` and `entropy` examine the picture; where nothing is cut they mean the centre.
        no_face: The result of `gravity=face` for a picture without a face.
        width: Pixels, or None to follow the height.
        height: Pixels, or None to follow the width.
        format: None keeps the source's own.
        quality: 1 to 100; None means `DEFAULT_QUALITY`. Lossless formats ignore it.
        max_size: Largest result in bytes.
        max_size_by: The property that is reduced for it: quality (lossy formats), colours (a still PNG), or
            pixels (every format).
        background: `rrggbb`, put under transparency and around `contain`; None keeps transparency if the
            format has it.
        frames: Frames kept of an animation; None keeps all.
        keep_metadata: EXIF, XMP, IPTC and the resolution stay, as far as they are true of the result.
        keep_copyright: Of those only the by-line and the rights stay; void with `keep_metadata`.
        smallest_format: WebP (instead of AVIF) or the source's own format is used if that makes the smaller
            file; void with `max_size`.
        lossless: A WebP keeps every pixel, an AVIF each within 3 of 255 levels; other formats ignore it.
        chroma_subsampling: `auto` stores all colour from a quality of 90 on.
        placeholder: The ThumbHash and the main colour of the result are told beside it.
        only_if_smaller: A result with no fewer bytes than the source is not used, and the source is copied,
            if the source satisfies all other options.
    """

    name: str = DEFAULT_VARIANT
    width: int | None = None
    height: int | None = None
    fit: Fit = Fit.INSIDE
    gravity: Gravity = Gravity.CENTER
    no_face: NoFace = NoFace.FAIL
    enlarge: bool = False
    format: Format | None = None
    quality: int | None = None
    max_size: int | None = None
    max_size_by: MaxSizeBy = MaxSizeBy.QUALITY
    background: str | None = None
    keep_metadata: bool = False
    keep_copyright: bool = False
    frames: int | None = None
    only_if_smaller: bool = False
    smallest_format: bool = False
    lossless: bool = False
    chroma_subsampling: ChromaSubsampling = ChromaSubsampling.AUTO
    placeholder: bool = False


def looks_for_faces(variant: Variant) -> bool:
    """Return whether a variant needs a worker that can find faces."""
    return variant.fit is Fit.COVER and variant.gravity is Gravity.FACE


_KEEP_WORDS = (KEEP_ALL, KEEP_COPYRIGHT, KEEP_NONE)
NAMES = {
    "width": "width",
    "height": "height",
    "fit": "fit",
    "gravity": "gravity",
    "no_face": "noFace",
    "enlarge": "enlarge",
    "format": "format",
    "quality": "quality",
    "max_size": "maxSize",
    "max_size_by": "maxSizeBy",
    "background": "background",
    "keep_metadata": "keepMetadata",
    "keep_copyright": "keepCopyright",
    "frames": "frames",
    "only_if_smaller": "onlyIfSmaller",
    "smallest_format": "smallestFormat",
    "lossless": "lossless",
    "chroma_subsampling": "chromaSubsampling",
    "placeholder": "placeholder",
}
"""Option -> field of the CRD."""


def read_variant(reader: Reader, *, camel: bool, name: str = DEFAULT_VARIANT) -> Variant:
    """Read one variant; faults go to the reader.

    Args:
        reader: The options of a request, or one element of `spec.variants`.
        camel: Whether the reader is asked for names as the CRD spells them.
        name: The variant's name.
    """

    def spelled(option: str) -> str:
        return reader.spelled(NAMES[option]) if camel else option

    # What clients write is taken in any usual form; an ImageJob has one.
    loose = not camel or reader.is_from_client
    formats, gravities, words = (FORMAT_ALIASES, GRAVITY_ALIASES, NO_ALIASES) if loose else (None, None, None)
    kept = reader.boolean_or_word(spelled("keep_metadata"), () if camel else _KEEP_WORDS)
    variant = Variant(
        name=name,
        width=reader.integer(spelled("width"), 1, limits.MAX_SIDE),
        height=reader.integer(spelled("height"), 1, limits.MAX_SIDE),
        fit=reader.choice(spelled("fit"), Fit, Fit.INSIDE, aliases=words, hints=FIT_HINTS) or Fit.INSIDE,
        gravity=reader.choice(
            spelled("gravity"), Gravity, Gravity.CENTER, aliases=gravities, hints=GRAVITY_HINTS
        )
        or Gravity.CENTER,
        no_face=reader.choice(spelled("no_face"), NoFace, NoFace.FAIL, aliases=words) or NoFace.FAIL,
        enlarge=reader.boolean(spelled("enlarge")),
        format=reader.choice(spelled("format"), Format, also=() if camel else (AUTO,), aliases=formats),
        quality=reader.integer(spelled("quality"), 1, MAX_QUALITY),
        max_size=reader.size(spelled("max_size"), MIN_RESULT_BYTES, MAX_RESULT_BYTES),
        max_size_by=reader.choice(
            spelled("max_size_by"),
            MaxSizeBy,
            MaxSizeBy.QUALITY,
            aliases=MAX_SIZE_BY_ALIASES if loose else None,
        )
        or MaxSizeBy.QUALITY,
        background=_read_background(reader, spelled("background"), loose=loose),
        keep_metadata=kept in (True, KEEP_ALL),
        keep_copyright=reader.boolean(spelled("keep_copyright")) or kept == KEEP_COPYRIGHT,
        frames=reader.integer(spelled("frames"), 1, MAX_FRAMES),
        only_if_smaller=reader.boolean(spelled("only_if_smaller")),
        smallest_format=reader.boolean(spelled("smallest_format")),
        lossless=reader.boolean(spelled("lossless")),
        chroma_subsampling=reader.choice(
            spelled("chroma_subsampling"),
            ChromaSubsampling,
            ChromaSubsampling.AUTO,
            aliases=SUBSAMPLING_ALIASES if loose else None,
        )
        or ChromaSubsampling.AUTO,
        placeholder=reader.boolean(spelled("placeholder")),
    )
    _check_contradictions(reader, variant, spelled)
    return variant


def _read_background(reader: Reader, name: str, *, loose: bool) -> str | None:
    """Return a colour as `rrggbb`, or None for none and for `transparent`."""
    if loose:
        return reader.parsed(name, MAX_CLIENT_BACKGROUND_LENGTH, _parse_background, pattern=CLIENT_BACKGROUND)
    text = reader.text(name, MAX_BACKGROUND_LENGTH, pattern=BACKGROUND, shape="a colour as rrggbb")
    return text.lstrip("#").lower() if text else None


def _parse_background(text: str) -> str | None:
    from imagejobs_contract.model import colours  # workers read six digits only

    found = colours.parse_colour(text)
    return None if found == colours.TRANSPARENT else found


def read_variants(reader: Reader) -> tuple[Variant, ...]:
    """Read the list `variants` of a body that our own programs wrote; faults go to the reader."""
    return tuple(
        read_variant(each, camel=True, name=each.text("name", MAX_VARIANT_NAME_LENGTH) or DEFAULT_VARIANT)
        for each in reader.children("variants", limits.MAX_VARIANTS)
    )


def _check_contradictions(reader: Reader, variant: Variant, spelled: Callable[[str], str]) -> None:
    by, form = variant.max_size_by, variant.format
    if variant.fit in (Fit.COVER, Fit.CONTAIN, Fit.FILL) and not (variant.width and variant.height):
        reader.fault(spelled("fit"), f"{variant.fit} needs both width and height")
    if variant.max_size is not None and by is MaxSizeBy.QUALITY and form and form not in LOSSY:
        reader.fault(
            spelled("max_size"), f"{form} has no quality to give up; {spelled('max_size_by')} names what else"
        )
    if by is MaxSizeBy.PALETTE and form not in (None, Format.PNG):
        reader.fault(spelled("max_size_by"), "palette is for png")
    if by is not MaxSizeBy.QUALITY and variant.max_size is None:
        reader.fault(spelled("max_size_by"), f"{by} needs {spelled('max_size')}")
    if variant.lossless and form is Format.JPEG:
        reader.fault(spelled("lossless"), "jpeg always loses some")
    if variant.lossless and variant.max_size is not None and by is MaxSizeBy.QUALITY:
        reader.fault(spelled("lossless"), f"leaves no quality to give up for {spelled('max_size')}")
    subsampling = variant.chroma_subsampling
    if subsampling is not ChromaSubsampling.AUTO and form and form not in HAVE_SUBSAMPLING:
        reader.fault(spelled("chroma_subsampling"), "is for jpeg and avif")


def variant_body(variant: Variant) -> dict[str, object]:
    """Return the variant as an element of `spec.variants`: its values that are not defaults."""
    body: dict[str, object] = {"name": variant.name}
    plain = Variant()
    for option, field in NAMES.items():
        value = getattr(variant, option)
        if value != getattr(plain, option):
            body[field] = value.value if isinstance(value, StrEnum) else value
    return body
