"""The errors of local mode; their texts are sentences for the person at the terminal."""

from collections.abc import Sequence


class CannotRun(Exception):
    """Raised when imagejobs cannot start or continue here; says why, and how to mend it."""


class PortTaken(CannotRun):
    """Raised when a program found its port taken, although it was free when it was chosen.

    `stack` then chooses anew; the text is shown if that does not help.
    """


class BadSettings(CannotRun):
    """Raised when variables are wrong, or lead to a server that does not work: exit code 2."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("bad settings:\n" + "\n".join(f"  {each}" for each in faults))
