"""The time by which an image must be finished.

The pipeline checks it between steps; a step that hangs is ended by the parent process.
"""

import time
from typing import NamedTuple

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed


class Deadline(NamedTuple):
    """A moment of the monotonic clock.

    Attributes:
        at: Seconds, as `time.monotonic` counts them.
        seconds: The time allowed, for the message.
    """

    at: float
    seconds: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the deadline that is `seconds` from now."""
        return cls(time.monotonic() + seconds, seconds)

    def check(self) -> None:
        """Raise once the deadline is past.

        Raises:
            ImageFailed: `processing_timeout`.
        """
        if time.monotonic() > self.at:
            raise ImageFailed(
                f"took longer than the {self.seconds:g} s that are allowed", code=Code.PROCESSING_TIMEOUT
            )
