"""The errors of local mode; their texts are sentences for the person at the terminal."""


class CannotRun(Exception):
    """Raised when imagejobs cannot start or continue here; says why, and how to mend it."""


class PortTaken(CannotRun):
    """Raised when a program found its port taken, although it was free when it was chosen.

    `stack` then chooses anew; the text is shown if that does not help.
    """
