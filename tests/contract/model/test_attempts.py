"""Whether a finished job is about to run again: one rule for the operator and the API."""

from itertools import product

import pytest

from imagejobs_api.view import states
from imagejobs_contract.model.attempts import current_attempt, retry_requested
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import State, Status
from imagejobs_contract.model.times import utc_now
from imagejobs_operator.decide import attempts

TOTAL = 2


def job(
    state: State, attempt: int = 1, retry_failed: int = 0, cancel: bool = False, succeeded: int = 0
) -> ImageJob:
    items = tuple(Item(f"{n}.jpg", f"uploads/x/{n}") for n in range(TOTAL))
    status = Status(state=state, attempt=attempt, counts=Counts(TOTAL, succeeded=succeeded))
    return ImageJob(
        JobKey("default", "jx"), Spec(items, retry_failed=retry_failed, cancel=cancel), status=status
    )


def test_the_api_shows_a_job_as_pending_exactly_when_the_operator_begins_another_attempt():
    for case in product(State, range(4), range(4), (False, True), range(TOTAL + 1)):
        found = job(*case)
        begins = attempts.starting_status(found, utc_now()).state is State.PENDING
        assert (states.job_state(found) is State.PENDING) is begins, case
        assert retry_requested(found) is (begins and found.status.state is not State.PENDING), case


def test_a_final_status_without_an_attempt_is_run_again_as_the_operator_does():
    assert retry_requested(job(State.FAILED, attempt=0))


@pytest.mark.parametrize(
    ("found", "attempt"),
    [
        (job(State.PENDING, attempt=0), 1),
        (job(State.PENDING, attempt=0, retry_failed=2), 3),
        (job(State.RUNNING, attempt=1, retry_failed=2), 1),
        (job(State.FAILED, attempt=1, retry_failed=2), 3),
        (job(State.FAILED, attempt=3, retry_failed=2), 3),
    ],
    ids=["new", "new and asked for again", "running", "due again", "ended"],
)
def test_an_attempt_changes_only_when_a_job_begins_it(found, attempt):
    assert current_attempt(found) == attempt
