"""Facts about one source file, known once its header was read, and their consequences for a result. Pure."""

from dataclasses import dataclass
from typing import NamedTuple

from PIL import ImageFile

from imagejobs_contract.model.options import Format, Variant
from imagejobs_worker.imaging import formats
from imagejobs_worker.imaging.sizes import Size

SourceColours = tuple[tuple[int, int, int], ...]
"""The colours that a file stores, if it stores few: those of its palette, or greys of few levels."""


class Opened(NamedTuple):
    """A file whose header was read and found within the limits; no pixel is decoded yet.

    Attributes:
        image: Opened by Pillow.
        format: As `imagejobs_contract.wire.sniff` names it.
        frames: Frames of the animation, counted up to one more than the limit; 1 for a still.
        file: The bytes that were opened: the source's, or a copy without metadata that cannot be read.
        few_colours: The colours of a palette, a bitmap or greys of few levels; None if the file stores many.
        is_lossless_webp: A WebP of which every frame is stored without loss.
    """

    image: ImageFile.ImageFile
    format: str
    frames: int
    file: bytes
    few_colours: SourceColours | None = None
    is_lossless_webp: bool = False


@dataclass(frozen=True, slots=True)
class Metadata:
    """The parts of a file's metadata that are used; `codecs.metadata` reads them.

    Attributes:
        orientation: EXIF's number, 1 to 8; 1 is upright.
        profile: An ICC profile, or empty.
        exif: Always says upright, whatever the file said; or empty.
        xmp: Likewise.
        iptc: IPTC's datasets, or empty.
        dpi: Pixels per inch, across and down; None if the file tells none.
    """

    orientation: int = 1
    profile: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    dpi: tuple[float, float] | None = None

    def without_notes(self) -> "Metadata":
        """Return only what is needed to show the picture."""
        return Metadata(self.orientation, self.profile)


@dataclass(frozen=True, slots=True)
class Source:
    """One image in work: `pipeline` makes it once, and all variants are rendered from it.

    Attributes:
        data: The file.
        opened: The same, opened.
        metadata: With EXIF, XMP, IPTC and dpi if any variant keeps them.
        rights: The same with the by-line and the rights alone, if any variant keeps those.
        size: Pixels, upright.
        loop_count: Times that an animation plays; 0 for ever.
    """

    data: bytes
    opened: Opened
    metadata: Metadata
    size: Size
    loop_count: int
    rights: Metadata = Metadata()

    def metadata_for(self, variant: Variant) -> Metadata:
        """Return the metadata that a result keeps, and what is needed to show the picture."""
        if variant.keep_metadata:
            return self.metadata
        return self.rights if variant.keep_copyright else self.metadata.without_notes()

    def format_for(self, variant: Variant, *, transparent: bool = False) -> Format:
        """Return the requested format, or the source's own."""
        if_opaque, if_transparent = formats.result_formats(self.opened.format, variant)
        return if_transparent if transparent else if_opaque

    def frames_for(self, variant: Variant) -> int:
        """Return the number of frames of a result; 1 for a still."""
        frames = self.opened.frames
        animated = frames > 1 and formats.stays_animated(self.opened.format, self.format_for(variant))
        return min(frames, variant.frames or frames) if animated else 1
