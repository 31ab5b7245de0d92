"""What is to be done to one image for one variant, decided once, before the first step; and the signature that all steps share."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image

from imagejobs_contract.model.options import Format, Variant
from imagejobs_worker.imaging.sizes import Box, Size
from imagejobs_worker.imaging.source import Metadata

WHITE = (255, 255, 255)
_OPAQUE = frozenset({Format.JPEG})


@dataclass(frozen=True, slots=True)
class VariantPlan:
    """Everything that the steps and the encoder need to know.

    Attributes:
        format: Of the result.
        metadata: Of the source; its EXIF and XMP are empty unless the variant keeps them.
        box: The part of the decoded picture that is used, as it lies there.
        size: To which that part is scaled, as it lies there.
        canvas: Pixels of the result, upright.
        offset: Where the scaled picture stands on the canvas, upright.
    """

    variant: Variant
    format: Format
    metadata: Metadata
    box: Box
    size: Size
    canvas: Size
    offset: Size

    def scale(self, scale: float) -> "VariantPlan":
        """Return the plan for a result of so many times its width and height."""

        def pixels(size: Size, least: int) -> Size:
            return max(least, round(size[0] * scale)), max(least, round(size[1] * scale))

        return replace(
            self, size=pixels(self.size, 1), canvas=pixels(self.canvas, 1), offset=pixels(self.offset, 0)
        )

    @property
    def keeps_alpha(self) -> bool:
        """Tell whether transparency may stay."""
        return self.variant.background is None and self.format not in _OPAQUE

    @property
    def background(self) -> tuple[int, int, int]:
        """Return the colour under transparency and around the picture; white where none was asked for."""
        colour = self.variant.background
        return (int(colour[0:2], 16), int(colour[2:4], 16), int(colour[4:6], 16)) if colour else WHITE


Step = Callable[[Image.Image, VariantPlan], Image.Image]
"""One step of the pipeline: takes a picture and the plan, returns the picture changed, or as it is."""
