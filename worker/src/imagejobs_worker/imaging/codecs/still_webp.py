"""Frees libwebp's decoder as soon as it returned the picture of a still.

Pillow decodes every WebP as an animation: two canvases of libwebp's, a copy as bytes, and Pillow's own
picture make 16 bytes a pixel. A still needs no canvases any more when Pillow begins with its picture; without
them it is 12.
"""

from typing import Any, cast

from PIL import ImageFile


class OneFrameDecoder:
    """Takes the place of Pillow's decoder in an opened WebP, returns its first frame, and frees it."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    @property
    def is_released(self) -> bool:
        """Return whether the frame was returned and the decoder freed."""
        return self._decoder is None

    def get_next(self) -> object:
        """Return the answer of Pillow's decoder: bytes and time, or None if the frame is damaged."""
        decoder, self._decoder = self._decoder, None
        return decoder.get_next() if decoder else None

    def reset(self) -> None:
        """Do nothing: there is one frame only. Pillow starts over after damage."""


def release_after_first_frame(image: ImageFile.ImageFile) -> None:
    """Make an opened WebP that is a still free its decoder when its picture is loaded."""
    opened = cast(Any, image)
    if decoder := getattr(opened, "_decoder", None):
        # Pillow has no public way; if the attribute is renamed, only memory is lost.
        opened._decoder = OneFrameDecoder(decoder)
