"""Checks sizes and numbers of frames against the limits. Each message names the value and the limit."""

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_worker.imaging.sizes import Size


def check_bytes(count: int, limits: Limits) -> None:
    """Refuse an empty file, and one with too many bytes.

    Raises:
        ImageFailed: `not_an_image`, `file_too_large`.
    """
    if count == 0:
        raise ImageFailed("The file is empty.", code=Code.NOT_AN_IMAGE)
    if count > limits.max_file_bytes:
        raise ImageFailed(
            f"has {count} bytes; at most {limits.max_file_bytes} are allowed", code=Code.FILE_TOO_LARGE
        )


def check_size(size: Size, limits: Limits, verb: str = "has") -> None:
    """Refuse a picture without pixels, or with too many of them.

    Args:
        size: Pixels.
        limits: Pixels and length of a side that are allowed.
        verb: Begins the message: a source `has` the size, a result `would have` it.

    Raises:
        ImageFailed: `corrupt_image`, `too_many_pixels`.
    """
    width, height = size
    if width < 1 or height < 1:
        raise ImageFailed(f"{verb} {width}x{height} pixels", code=Code.CORRUPT_IMAGE)
    if width * height > limits.max_pixels:
        raise ImageFailed(
            f"{verb} {width}x{height} = {width * height} pixels; at most {limits.max_pixels} are allowed",
            code=Code.TOO_MANY_PIXELS,
        )
    if max(size) > limits.max_side:
        raise ImageFailed(
            f"{verb} {width}x{height} pixels; at most {limits.max_side} a side are allowed",
            code=Code.TOO_MANY_PIXELS,
        )


def check_frames(size: Size, frames: int, limits: Limits, verb: str = "has") -> None:
    """Refuse too many frames, or too many pixels in all frames together.

    Raises:
        ImageFailed: `too_many_frames`, `too_many_pixels`.
    """
    if frames > limits.max_frames:
        raise ImageFailed(
            f"{verb} more than the {limits.max_frames} frames that are allowed", code=Code.TOO_MANY_FRAMES
        )
    total = size[0] * size[1] * frames
    if frames > 1 and total > limits.max_total_pixels:
        message = (
            f"{verb} {frames} frames of {size[0]}x{size[1]} = {total} pixels; "
            f"at most {limits.max_total_pixels} are allowed"
        )
        raise ImageFailed(message, code=Code.TOO_MANY_PIXELS)
