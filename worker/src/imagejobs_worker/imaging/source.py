"""What is known of a source once its header was read, and what follows from that for a result. Pure."""

from dataclasses import dataclass

from imagejobs_contract.model.options import Format, Variant
from imagejobs_worker.imaging import animate, results
from imagejobs_worker.imaging.codecs.metadata import Metadata
from imagejobs_worker.imaging.crop.geometry import Size
from imagejobs_worker.imaging.decode import Opened


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
        opaque, clear = results.possible(self.opened.format, variant)
        return clear if transparent else opaque

    def frames_for(self, variant: Variant) -> int:
        """Return how many frames a result has; 1 for a still."""
        frames = self.opened.frames
        moves = frames > 1 and animate.moves(self.opened.format, self.format_for(variant))
        return min(frames, variant.frames or frames) if moves else 1
