"""The one error of local mode; its text is a sentence for the person at the terminal."""


class CannotRun(Exception):
    """Raised when imagejobs cannot start or continue here; says why, and how to mend it."""
