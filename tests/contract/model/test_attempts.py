"""Whether a finished job is about to run again: one rule for the program that acts and the one that shows it."""

from itertools import product

import pytest

from imagejobs_api.view import states
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import State, Status
from imagejobs_operator.decide import attempts

TOTAL = 2


def job(state: State, attempt: int, retry_failed: int, cancel: bool, succeeded: int) -> ImageJob:
    items = tuple(Item(f"{n}.jpg", f"uploads/x/{n}") for n in range(TOTAL))
    status = Status(state=state, attempt=attempt, counts=Counts(TOTAL, succeeded=succeeded))
    return ImageJob(
        JobKey("default", "jx"), Spec(items, retry_failed=retry_failed, cancel=cancel), status=status
    )


@pytest.mark.xfail(reason="for a final status without an attempt the two rules disagree", strict=True)
def test_the_api_and_the_operator_agree_on_whether_a_job_runs_again():
    cases = product(State, range(4), range(4), (False, True), range(TOTAL + 1))
    disagree = [
        case for case in cases if states.is_reopening(found := job(*case)) is not attempts.reopens(found)
    ]
    assert disagree == []
