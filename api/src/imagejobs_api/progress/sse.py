"""Progress as Server-Sent Events (WHATWG HTML, section 9.2): their text and their ids. Pure.

An event holds the whole progress, not a difference, so the server keeps nothing for clients that come back:
the id of their last event says how much they know.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from imagejobs_api.http import json_io
from imagejobs_api.view import states
from imagejobs_api.view.lookup import JobOrImage
from imagejobs_contract.model.attempts import current_attempt
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import State

RETRY_MILLISECONDS = 2000
"""How long a browser waits before it connects again."""
OPENING = f"retry: {RETRY_MILLISECONDS}\n\n".encode()
"""Sent at once, so that proxies pass the head of the response on."""
GONE = "gone"
HEARTBEAT = b":\n\n"
"""A comment; keeps proxies from closing the connection as idle."""

_ID = re.compile(
    r"([-a-z0-9]{1,70}):([0-9a-f]{1,8}):([0-9]{1,6}):([A-Za-z]{1,20}):([0-9]{1,9}):([0-9]{1,9})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class EventId:
    """The id of an event: the progress that the event shows. `str` gives its text.

    Attributes:
        identifier: Id of the job or the image.
        uid: The first digits of the job's uid, because a name can be used again.
        attempt: 1, and one more for each retry that was requested.
    """

    identifier: str
    uid: str
    attempt: int
    state: State
    succeeded: int
    failed: int

    def __str__(self) -> str:
        return (
            f"{self.identifier}:{self.uid}:{self.attempt}:{self.state.value}:{self.succeeded}:{self.failed}"
        )

    def is_news_after(self, known: "EventId | None") -> bool:
        """Return whether a client that has the event `known` is to get this one.

        Progress never goes back; an end is always sent.
        """
        if known is None or known.uid != self.uid:
            return True
        if self == known:
            return False
        return self.state.final or (self.attempt, self.succeeded + self.failed) >= (
            known.attempt,
            known.succeeded + known.failed,
        )


def parse_event_id(text: str) -> EventId | None:
    """Return the event id in this text, or None if it is not one of ours."""
    match = _ID.fullmatch(text)
    try:
        return (
            EventId(match[1], match[2], int(match[3]), State(match[4]), int(match[5]), int(match[6]))
            if match
            else None
        )
    except ValueError:
        return None


def job_event_id(target: JobOrImage, counts: Counts) -> EventId:
    """Return the id of an event for a whole job."""
    return _event_id(target, states.shown_state(target.job, counts), counts.succeeded, counts.failed)


def item_event_id(target: JobOrImage, outcome: Outcome | None) -> EventId:
    """Return the id of an event for one image."""
    state = states.item_state(target.job, outcome)
    return _event_id(target, state, int(state is State.SUCCEEDED), int(state is State.FAILED))


def format_event(event_id: EventId, body: Mapping[str, object]) -> bytes:
    """Return the text of an event with this body."""
    return f"id: {event_id}\ndata: {json_io.dumps(body)}\n".encode()


def format_gone(body: Mapping[str, object]) -> bytes:
    """Return the text of the event for a deleted job; a client that comes back gets 404."""
    return f"event: {GONE}\ndata: {json_io.dumps(body)}\n".encode()


def _event_id(target: JobOrImage, state: State, succeeded: int, failed: int) -> EventId:
    job = target.job
    attempt = current_attempt(job)
    return EventId(target.id, job.uid.replace("-", "")[:8], attempt, state, succeeded, failed)
