"""Sets a picture upright by its EXIF orientation, after the resize, when there are few pixels to turn."""

from PIL import Image

from imagejobs_worker.imaging import orientation
from imagejobs_worker.imaging.variant_plan import VariantPlan


def orient(image: Image.Image, plan: VariantPlan) -> Image.Image:
    """Set the picture upright."""
    return orientation.set_upright(image, plan.metadata.orientation)
