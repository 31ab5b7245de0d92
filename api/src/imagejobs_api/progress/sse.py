"""Progress as Server-Sent Events: their text, and the ids by which a client that was cut off goes on (WHATWG HTML, section 9.2). Pure.

An event tells the whole progress, not a difference, so nothing need be kept for those who come back: the id
says how much they know.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from imagejobs_api.http import json_text
from imagejobs_api.view import states
from imagejobs_api.view.lookup import JobOrImage
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.status import State

RETRY_MILLISECONDS = 2000
"""After what time a browser connects again."""
OPENING = f"retry: {RETRY_MILLISECONDS}\n\n".encode()
"""Sent at once, so that proxies pass the head of the answer on."""
GONE = "gone"
HEARTBEAT = b":\n\n"
"""A comment: keeps proxies from taking the connection for dead."""

_ID = re.compile(
    r"([-a-z0-9]{1,70}):([0-9a-f]{1,8}):([0-9]{1,6}):([A-Za-z]{1,20}):([0-9]{1,9}):([0-9]{1,9})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class EventId:
    """How far a job or an image was when an event told of it; its text is the event's id.

    Attributes:
        identifier: Of the job or the image.
        uid: The first digits of the job's, as a name can be used again.
        attempt: 1, and one more for each retry that was asked for.
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
        """Tell whether a client that knows of that place should hear of this one: progress never goes back, an end is always told."""
        if known is None or known.uid != self.uid:
            return True
        if self == known:
            return False
        return self.state.final or (self.attempt, self.succeeded + self.failed) >= (
            known.attempt,
            known.succeeded + known.failed,
        )


def parse_event_id(text: str) -> EventId | None:
    """Return what the id of an event says, or None if it is none of ours."""
    match = _ID.fullmatch(text)
    try:
        return (
            EventId(match[1], match[2], int(match[3]), State(match[4]), int(match[5]), int(match[6]))
            if match
            else None
        )
    except ValueError:
        return None


def job_event_id(found: JobOrImage, counts: Counts) -> EventId:
    """Return how far a whole job is."""
    return _event_id(found, states.job_state(found.job), counts.succeeded, counts.failed)


def item_event_id(found: JobOrImage, outcome: Outcome | None) -> EventId:
    """Return how far one image is."""
    state = states.item_state(found.job, outcome)
    return _event_id(found, state, int(state == State.SUCCEEDED), int(state == State.FAILED))


def format_event(event_id: EventId, body: Mapping[str, object]) -> bytes:
    """Return an event that tells a progress."""
    return f"id: {event_id}\ndata: {json_text.dumps(body)}\n".encode()


def format_gone(body: Mapping[str, object]) -> bytes:
    """Return the event that tells that a job was deleted; a client that comes back is answered 404."""
    return f"event: {GONE}\ndata: {json_text.dumps(body)}\n".encode()


def _event_id(found: JobOrImage, state: State, succeeded: int, failed: int) -> EventId:
    job = found.job
    attempt = states.attempt(job.status) + states.is_reopening(job)
    return EventId(found.id, job.uid.replace("-", "")[:8], attempt, state, succeeded, failed)
