"""The plan of one result: all that the steps and the encoder need, decided once before the first step.

Also the signature that all steps share. Not the operator's plan, which is about jobs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image

from imagejobs_contract.model.options import MAY_BE_LOSSLESS, Format, Variant
from imagejobs_worker.imaging.orientation import swap_sides
from imagejobs_worker.imaging.sizes import Box, Size
from imagejobs_worker.imaging.source import Metadata, SourceColours

WHITE = (255, 255, 255)
_CROP_TOLERANCE_PIXELS = 0.001
"""A crop to the source's own ratio differs from the whole by errors of floating point only."""
_OPAQUE = frozenset({Format.JPEG})


@dataclass(frozen=True, slots=True)
class VariantPlan:
    """All that the steps and the encoder need to know about one result.

    Attributes:
        variant: The request.
        format: Format of the result.
        metadata: Metadata of the source; EXIF and XMP are empty unless the variant keeps them.
        box: The part of the decoded picture that is used, as stored.
        size: Pixels to which that part is scaled, as stored.
        canvas: Pixels of the result, upright.
        offset: Left upper corner of the scaled picture on the canvas, in pixels, upright.
        few_colours: The colours of the source, if it stores few; a result that can does so too.
    """

    variant: Variant
    format: Format
    metadata: Metadata
    box: Box
    size: Size
    canvas: Size
    offset: Size
    few_colours: SourceColours | None = None

    def scale(self, scale: float) -> "VariantPlan":
        """Return the plan for a result whose width and height are `scale` times as large."""

        def pixels(size: Size, least: int) -> Size:
            return max(least, round(size[0] * scale)), max(least, round(size[1] * scale))

        return replace(
            self, size=pixels(self.size, 1), canvas=pixels(self.canvas, 1), offset=pixels(self.offset, 0)
        )

    def is_whole(self, source_size: Size) -> bool:
        """Return whether the result has the pixels of the whole source, neither cut nor padded nor scaled.

        Args:
            source_size: Pixels of the source, upright.
        """
        width, height = swap_sides(source_size, self.metadata.orientation)
        distances = (abs(a - b) for a, b in zip(self.box, (0, 0, width, height), strict=True))
        return (
            self.canvas == source_size
            and self.size == (width, height)
            and max(distances) < _CROP_TOLERANCE_PIXELS
        )

    @property
    def is_lossless(self) -> bool:
        """Return whether a format that can lose something must not."""
        return self.variant.lossless and self.format in MAY_BE_LOSSLESS

    @property
    def keeps_alpha(self) -> bool:
        """Return whether transparency may stay."""
        return self.variant.background is None and self.format not in _OPAQUE

    @property
    def background(self) -> tuple[int, int, int]:
        """Return the colour under transparency and around the picture; white if the request names none."""
        colour = self.variant.background
        return (int(colour[0:2], 16), int(colour[2:4], 16), int(colour[4:6], 16)) if colour else WHITE


Step = Callable[[Image.Image, VariantPlan], Image.Image]
"""One step of the pipeline: takes a picture and the plan, returns a changed picture or the same."""
