"""Jobs that have ended, for tests of the usage."""

from datetime import datetime

from imagejobs_contract.model import names
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey, Uid
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import State, Status


def ended_job(name: str, ended: datetime, caller: str = "shop", attempt: int = 1, **status) -> ImageJob:
    """Return a job of three images, of which two have results."""
    return ImageJob(
        JobKey("default", name),
        Spec((Item("a", "a"),)),
        uid=Uid(f"uid-{name}"),
        labels={names.LABEL_CALLER: caller},
        status=Status(
            state=State.SUCCEEDED, attempt=attempt, counts=Counts(3, 0, 2, 1), bytes_in=1000, bytes_out=100,
            cpu_milliseconds=50, completed=ended, **status,
        ),
    )  # fmt: skip
