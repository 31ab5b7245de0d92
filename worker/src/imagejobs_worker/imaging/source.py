"""What is known of a source once its header was read, and what follows from that for a result. Pure."""

from dataclasses import dataclass

from imagejobs_contract.options import Format, Variant
from imagejobs_worker.imaging import animate
from imagejobs_worker.imaging.decode import Opened
from imagejobs_worker.imaging.geometry import Size
from imagejobs_worker.imaging.metadata import Metadata

_FOR_THE_WEB = {"bmp": (Format.JPEG, Format.PNG), "heic": (Format.JPEG, Format.PNG)}
"""What becomes of sources that are not written here or that browsers do not show: where they are opaque, where they are not."""


@dataclass(frozen=True, slots=True)
class Source:
    """An image that is being worked on.

    Attributes:
        data: The file.
        size: Upright.
        plays: Of an animation; 0 for ever.
    """

    data: bytes
    opened: Opened
    metadata: Metadata
    size: Size
    plays: int

    def format_for(self, variant: Variant, *, transparent: bool = False) -> Format:
        """Return the asked-for format, or the source's own."""
        opaque, clear = _FOR_THE_WEB.get(self.opened.format) or (Format(self.opened.format),) * 2
        return variant.format or (clear if transparent else opaque)

    def frames_for(self, variant: Variant) -> int:
        """Return how many frames a result has; 1 for a still."""
        frames = self.opened.frames
        moves = frames > 1 and animate.moves(self.opened.format, self.format_for(variant))
        return min(frames, variant.frames or frames) if moves else 1
