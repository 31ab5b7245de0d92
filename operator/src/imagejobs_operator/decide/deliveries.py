"""Values about the delivery of a callback: the id of a try, the response, and the result of a try."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.status import Callback


class ResponseKind(StrEnum):
    """How one try to deliver a callback ended."""

    DELIVERED = "Delivered"
    FAILED = "Failed"
    REFUSED = "Refused"
    GONE = "Gone"


@dataclass(frozen=True, slots=True)
class DeliveryId:
    """Identifies one try to deliver one message.

    Attributes:
        message_id: The `webhook-id`: one for each attempt of each job.
        repeats: `repeats` of the callback, as the status recorded it before the try.
        tries: `tries` of the callback, as the status recorded it before the try.
    """

    message_id: str
    repeats: int
    tries: int


class Response(NamedTuple):
    """How a receiver responded to one message.

    Attributes:
        reason: For people.
        retry_after_seconds: The pause that the receiver asked for (`Retry-After`); 0 if it asked for none.
    """

    kind: ResponseKind
    reason: str = ""
    retry_after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """A try and the response to it."""

    delivery: DeliveryId
    response: Response


def delivery_id(job: ImageJob, callback: Callback) -> DeliveryId:
    """Return the id of the try that is due."""
    # No dots in the message id: the signed text is "<id>.<timestamp>.<body>".
    return DeliveryId(f"msg_{job.uid.replace('-', '')}_{callback.attempt}", callback.repeats, callback.tries)
