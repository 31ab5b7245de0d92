"""Puts the picture on its background: flat if the result keeps no transparency, padded for `contain`."""

from PIL import Image

from imagejobs_worker.imaging.modes import has_alpha
from imagejobs_worker.imaging.variant_plan import VariantPlan


def compose(image: Image.Image, plan: VariantPlan) -> Image.Image:
    """Return the picture on the plan's canvas."""
    if plan.canvas == image.size:
        return image if plan.keeps_alpha or not has_alpha(image) else _flatten(image, plan)
    return _pad(image, plan)


def _flatten(image: Image.Image, plan: VariantPlan) -> Image.Image:
    under = Image.new("RGBA", image.size, (*plan.background, 255))
    return Image.alpha_composite(under, image.convert("RGBA")).convert("RGB")


def _pad(image: Image.Image, plan: VariantPlan) -> Image.Image:
    canvas = Image.new("RGBA", plan.canvas, (*plan.background, 0 if plan.keeps_alpha else 255))
    canvas.alpha_composite(image.convert("RGBA"), plan.offset)
    return canvas if plan.keeps_alpha else canvas.convert("RGB")
