import asyncio
import time

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed, Misconfigured
from imagejobs_worker.image.retry import RetryPolicy, retry

FAST = RetryPolicy(first_wait_seconds=0.001, max_wait_seconds=0.002, storage_seconds=0.3)


def run(errors, attempts, policy=FAST):
    """Return (result or code, calls) of an act that raises the errors in turn, and then succeeds."""
    left, calls = list(errors), []

    async def act():
        calls.append(time.monotonic())
        if left:
            raise left.pop(0)
        return "done"

    try:
        return asyncio.run(retry(act, attempts, policy)), len(calls)
    except ImageFailed as ex:
        return ex.code, len(calls)


@pytest.mark.parametrize("code", [Code.SOURCE_TIMEOUT, Code.SOURCE_ERROR, Code.INTERNAL_ERROR])
def test_an_error_that_can_pass_is_tried_again_up_to_the_attempts(code):
    assert run([ImageFailed(code=code)] * 2, attempts=3) == ("done", 3)
    assert run([ImageFailed(code=code)] * 3, attempts=3) == (code, 3)


@pytest.mark.parametrize(
    "code",
    [
        Code.CORRUPT_IMAGE,
        Code.SOURCE_NOT_FOUND,
        Code.FILE_TOO_LARGE,
        Code.OUT_OF_MEMORY,
        Code.PROCESSING_TIMEOUT,
    ],
)
def test_an_error_that_stays_is_not_tried_again(code):
    assert run([ImageFailed(code=code)], attempts=10) == (code, 1)


def test_an_outage_of_the_storage_does_not_burn_attempts():
    assert run([ImageFailed(code=Code.STORAGE_ERROR)] * 20, attempts=1) == ("done", 21)


def test_the_patience_with_the_storage_ends():
    code, calls = run(
        [ImageFailed(code=Code.STORAGE_ERROR)] * 10_000, attempts=1, policy=RetryPolicy(0.01, 0.02, 0.1)
    )
    assert code is Code.STORAGE_ERROR
    assert 5 <= calls <= 25


def test_wrong_credentials_are_not_waited_for():
    with pytest.raises(Misconfigured):
        run([Misconfigured()], attempts=3)


def test_the_wait_that_a_source_asks_for_is_kept():
    began = time.monotonic()
    assert run([ImageFailed(code=Code.SOURCE_ERROR, wait_seconds=0.3)], attempts=2) == ("done", 2)
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(
    "error",
    [
        ImageFailed(code=Code.SOURCE_ERROR, wait_seconds=11),
        ImageFailed(code=Code.SOURCE_ERROR, permanent=True),
    ],
    ids=["asks for too long", "would be the same again"],
)
def test_what_is_not_worth_another_try_ends_at_once(error):
    assert run([error], attempts=3) == (Code.SOURCE_ERROR, 1)
