"""Lets libwebp's decoder go as soon as it gave the picture of a still.

Pillow decodes every WebP as an animation: two canvases of libwebp's, a copy as bytes, and Pillow's own
picture make 16 bytes a pixel. A still needs no canvases any more when Pillow begins with its picture; without
them it is 12.
"""

from typing import Any, cast

from PIL import ImageFile


class OneFrameDecoder:
    """Takes the place of Pillow's decoder, gives its first frame, and forgets it."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder

    @property
    def is_released(self) -> bool:
        """Tell whether the frame was given."""
        return self._decoder is None

    def get_next(self) -> object:
        """Return what Pillow's decoder returns: bytes and time, or None if the frame is damaged."""
        decoder, self._decoder = self._decoder, None
        return decoder.get_next() if decoder else None

    def reset(self) -> None:
        """Do nothing: there is one frame only. Pillow starts over after damage."""


def release_after_first_frame(image: ImageFile.ImageFile) -> None:
    """Let an opened WebP that is a still forget its decoder when its picture is loaded."""
    opened = cast(Any, image)
    if decoder := getattr(opened, "_decoder", None):
        opened._decoder = OneFrameDecoder(
            decoder
        )  # Pillow offers no other way; should the name go, only memory is lost
