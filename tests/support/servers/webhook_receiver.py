"""A receiver of callbacks on loopback: verifies signatures with the Standard Webhooks library."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from support.clock.waiting import eventually
from support.servers.loopback_http import Post, serve_posts

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Message:
    """What was received, its signature being right."""

    id: str
    body: dict[str, Any]
    headers: dict[str, str]
    size: int


class Receiver:
    """Answers each request with the next status, the last one for ever.

    Attributes:
        gate: While it is cleared, answers are held back.
        secret: By which signatures are checked.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.refusals: list[str] = []
        self.statuses: Sequence[int] = [200]
        self.location = ""
        self.retry_after = ""
        self.gate = threading.Event()
        self.gate.set()
        self.secret = SECRET
        self.port = 0

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def wait_for(self, count: int) -> list[Message]:
        """Return the messages once there are so many."""
        eventually(
            lambda: len(self.messages) >= count,
            WAIT_SECONDS,
            what=f"{count} messages",
            seen=lambda: (self.messages, self.refusals),
        )
        return list(self.messages)

    def take(self, headers: dict[str, str], data: bytes) -> int:
        """Keep a message and return the status to answer with."""
        try:
            body = Webhook(self.secret).verify(data, headers)
        except WebhookVerificationError as ex:
            self.refusals.append(repr(ex))
            return 401
        self.messages.append(Message(headers["webhook-id"], body, headers, len(data)))
        status = self.statuses[min(len(self.messages), len(self.statuses)) - 1]
        self.gate.wait(WAIT_SECONDS)
        return status


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A running receiver."""
    it = Receiver()

    def take(post: Post) -> tuple[int, dict[str, str]]:
        status = it.take(dict(post.headers), post.body)
        optional = {"Location": it.location, "Retry-After": it.retry_after}
        return status, {name: value for name, value in optional.items() if value}

    with serve_posts(take) as it.port:
        try:
            yield it
        finally:
            it.gate.set()
