"""The one error of local mode; its text is a clear sentence for the person at the terminal."""


class CannotRun(Exception):
    """Raised when imagejobs cannot start or go on here; says why and what helps."""
