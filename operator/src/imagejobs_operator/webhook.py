"""Sends one callback once: a signed POST (Standard Webhooks) through the address guard.

One request per connection; redirects are not followed, no body is read: all that a receiver can do is answer with a status, or not in time.
"""

import asyncio
import ssl
from collections.abc import Sequence

from standardwebhooks import Webhook

from imagejobs_contract.answer import read_head
from imagejobs_contract.errors import Refused
from imagejobs_contract.guard import Guard
from imagejobs_contract.imagejob import ImageJob
from imagejobs_contract.target import Target, read_url
from imagejobs_contract.times import Clock
from imagejobs_operator import callback
from imagejobs_operator.callback import End

CONNECT_SECONDS, TOTAL_SECONDS = 5.0, 15.0
"""The specification advises 15 to 30 s in all."""


class Poster:
    """Sends callbacks.

    Args:
        secrets: Each signs every message, so that a receiver may know the old one or the new one.
        public_url: What links to the API begin with.
    """

    def __init__(self, guard: Guard, secrets: Sequence[str], public_url: str, clock: Clock) -> None:
        self._guard = guard
        self._signers = [Webhook(secret) for secret in secrets]
        self._public_url = public_url
        self._clock = clock

    async def __call__(self, job: ImageJob, message: str) -> tuple[End, str]:
        """Send a job's message and tell how that ended, and why."""
        body = callback.body(job, self._public_url)
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                return judged(await self._send(read_url(job.spec.callback_url or ""), message, body))
        except Refused as ex:
            return End.REFUSED, ex.message
        except TimeoutError:
            return End.FAILED, "the receiver does not answer in time"
        except ssl.SSLError:
            return End.FAILED, "no trusted TLS connection to the receiver"
        except OSError:
            return End.FAILED, "the receiver's host cannot be reached"
        except (EOFError, ValueError, asyncio.LimitOverrunError):
            return End.FAILED, "the receiver's answer is cut or malformed"

    async def _send(self, target: Target, message: str, body: bytes) -> int:
        reader, writer = await self._guard.connect(target, CONNECT_SECONDS)
        try:
            writer.write(self._head(target, message, body) + body)
            return (await read_head(reader)).status
        finally:
            writer.transport.abort()

    def _head(self, target: Target, message: str, body: bytes) -> bytes:
        now = self._clock()
        text = body.decode()
        lines = (
            f"POST {target.path} HTTP/1.1",
            f"Host: {target.authority}",
            "User-Agent: imagejobs",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"webhook-id: {message}",
            f"webhook-timestamp: {int(now.timestamp())}",
            f"webhook-signature: {' '.join(each.sign(message, now, text) for each in self._signers)}",
            "Connection: close",
        )
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def judged(status: int) -> tuple[End, str]:
    """Return what a status means."""
    if 200 <= status < 300:
        return End.DELIVERED, f"the receiver answered {status}"
    if status == 410:
        return End.GONE, "the receiver answered 410: it wants no more"
    if 300 <= status < 400:
        return End.FAILED, f"the receiver answered {status}: redirects are not followed"
    return End.FAILED, f"the receiver answered {status}"
