"""The time by which an image must be done.

It is checked between steps; a step that hangs is ended by the parent process.
"""

import time
from typing import NamedTuple

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed


class Deadline(NamedTuple):
    """A moment of the monotonic clock.

    Attributes:
        at: Seconds, as `time.monotonic` counts them.
        seconds: The time that was given, for the message.
    """

    at: float
    seconds: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the deadline that is so many seconds away."""
        return cls(time.monotonic() + seconds, seconds)

    def check(self) -> None:
        """Do nothing while there is time.

        Raises:
            ImageFailed: `processing_timeout`.
        """
        if time.monotonic() > self.at:
            raise ImageFailed(
                f"took longer than the {self.seconds:g} s that are allowed", code=Code.PROCESSING_TIMEOUT
            )
