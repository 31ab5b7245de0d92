"""Sends one callback once: a signed POST (Standard Webhooks) through the address guard.

One request per connection. Redirects are not followed, and no body is read: a receiver can only answer with a
status, or not in time.
"""

import asyncio
import logging
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime

from standardwebhooks import Webhook

from imagejobs_contract.errors import Invalid, Refused
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.times import Clock
from imagejobs_contract.outbound.guard import AddressGuard
from imagejobs_contract.outbound.http_client import Head, open_exchange
from imagejobs_contract.outbound.retry_after import retry_after_seconds
from imagejobs_contract.outbound.url import read_url
from imagejobs_contract.runtime.webhook_secrets import WebhookSecrets
from imagejobs_contract.wire.origin import log_facts
from imagejobs_operator.callbacks import payload
from imagejobs_operator.decide.deliveries import Response, ResponseKind

CONNECT_SECONDS, TOTAL_SECONDS = 5.0, 15.0
"""The specification advises 15 to 30 s in all."""
log = logging.getLogger(__name__)


class WebhookSender:
    """Sends callbacks for the `CallbackDispatcher`; it keeps no state between two calls.

    Args:
        secrets: Every secret of a caller signs each message, so that a receiver may know the old one or the
            new one.
        public_url: Base of the links to the API.
    """

    def __init__(self, guard: AddressGuard, secrets: WebhookSecrets, public_url: str, clock: Clock) -> None:
        self._guard = guard
        self._secrets = secrets
        self._public_url = public_url
        self._clock = clock

    async def send(self, job: ImageJob, message_id: str) -> Response:
        """Send a job's message once and return the response. It never raises on a failure of the receiver."""
        try:
            signers = [Webhook(secret) for secret in self._secrets.for_caller(job.caller)]
        except Invalid as ex:
            log.error(
                "a caller's secrets are broken: its callbacks wait",
                extra=log_facts(job) | {"reason": ex.message},
            )
            return Response(ResponseKind.FAILED, "the caller's secrets cannot be read")
        if not signers:
            return Response(ResponseKind.FAILED, "there is no secret to sign it with")
        body = payload.make_body(job, self._public_url)
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                head = await self._post(job, self._make_headers(message_id, body, signers), body)
                return classify(head, self._clock())
        except Refused as ex:
            return Response(ResponseKind.REFUSED, ex.message)
        except TimeoutError:
            return Response(ResponseKind.FAILED, "the receiver does not answer in time")
        except ssl.SSLError:
            return Response(ResponseKind.FAILED, "no trusted TLS connection to the receiver")
        except OSError:
            return Response(ResponseKind.FAILED, "the receiver's host cannot be reached")
        except ValueError:
            return Response(ResponseKind.FAILED, "the receiver's answer is cut or malformed")

    async def _post(self, job: ImageJob, headers: Mapping[str, str], body: bytes) -> Head:
        url = read_url(job.spec.callback_url or "")
        async with open_exchange(self._guard.for_caller(job.caller), url, CONNECT_SECONDS) as exchange:
            exchange.send("POST", url, headers, body)
            return await exchange.read_head()

    def _make_headers(self, message_id: str, body: bytes, signers: Sequence[Webhook]) -> Mapping[str, str]:
        now, text = self._clock(), body.decode()
        return {
            "User-Agent": "imagejobs",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(each.sign(message_id, now, text) for each in signers),
        }


def classify(head: Head, now: datetime) -> Response:
    """Return the response that an HTTP answer means."""
    status = head.status
    if 200 <= status < 300:
        return Response(ResponseKind.DELIVERED, f"the receiver answered {status}")
    if status == 410:
        return Response(ResponseKind.GONE, "the receiver answered 410: it wants no more callbacks")
    if 300 <= status < 400:
        return Response(ResponseKind.FAILED, f"the receiver answered {status}: redirects are not followed")
    seconds = retry_after_seconds(status, head.headers, now)
    return Response(ResponseKind.FAILED, f"the receiver answered {status}", seconds)
