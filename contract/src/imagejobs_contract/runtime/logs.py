"""Logs as JSON lines on standard error.

Each has `time level program event`, the facts that `bind` gave to all lines of a piece of work, and those of
the call (`extra={"reason": ...}`).
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_PLAIN = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    "message",
    "asctime",
    "taskName",
}

_ABOUT: ContextVar[Mapping[str, object]] = ContextVar("about", default={})  # noqa: B039 - never changed, only replaced

READY = "ready"
"""The event that each program logs once it does its work; `imagejobs local` waits for it."""


class JsonFormatter(logging.Formatter):
    """Renders a record as one line of JSON."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "program": self._program,
            "event": record.getMessage(),
        }
        line |= _ABOUT.get()
        line |= {name: value for name, value in record.__dict__.items() if name not in _PLAIN}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def bind(**facts: object) -> None:
    """Add facts to all further log lines of this task and of the tasks that it starts.

    "" and None are left out.
    """
    _ABOUT.set({**_ABOUT.get(), **{name: value for name, value in facts.items() if value not in ("", None)}})


@contextmanager
def bound(**facts: object) -> Iterator[None]:
    """Add facts to the log lines of a block."""
    token = _ABOUT.set(_ABOUT.get())
    try:
        bind(**facts)
        yield
    finally:
        _ABOUT.reset(token)


def say_ready(**facts: object) -> None:
    """Log that the program does its work now, at any log level: `imagejobs local` waits for the line."""
    log = logging.getLogger(f"imagejobs.{READY}")
    log.setLevel(logging.INFO)
    log.info(READY, extra=facts)


def configure(program: str, level: str = "INFO") -> None:
    """Send all logs of this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(program))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
