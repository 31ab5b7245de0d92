"""Finds the crop (clean aperture) of an AVIF, which libavif tells of and does not apply."""

from imagejobs_worker.imaging.metadata_blocks import heif_boxes
from imagejobs_worker.imaging.sizes import Size


def find(source: bytes, size: Size, frames: int) -> tuple[int, int, int, int] | None:
    """Return the box that is shown, in pixels as decoded; None for the whole picture.

    Args:
        source: The file.
        size: Pixels as decoded.
        frames: 1 for a still; the frames of an animation have a crop of their own.
    """
    found = heif_boxes.read_animation(source) if frames > 1 else heif_boxes.read_properties(source)
    return found.crop if found.size == size else None
