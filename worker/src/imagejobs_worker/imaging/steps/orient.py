"""Sets a picture upright by its EXIF orientation: the third step, because fewer pixels are turned after the resize."""

from PIL import Image

from imagejobs_worker.imaging import orientation
from imagejobs_worker.imaging.variant_plan import VariantPlan


def orient(image: Image.Image, plan: VariantPlan) -> Image.Image:
    """Set the picture upright."""
    return orientation.set_upright(image, plan.metadata.orientation)
