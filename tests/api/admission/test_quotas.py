"""Back-pressure."""

import asyncio

import pytest

from imagejobs_api.admission.quotas import Quotas
from imagejobs_api.callers.caller import Caller, CallerLimits
from imagejobs_api.http.errors import Problem
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.limits import Limits

LIMITS = Limits(
    max_queued_images=5, max_bytes_in_flight=100, max_caller_bytes_in_flight=50, max_caller_queued_images=3
)
ANYBODY = Caller("default")


class Queue:
    """Has a depth, or is away if that is None; counts how often it was asked."""

    def __init__(self, depth: int | None) -> None:
        self.length, self.asked = depth, 0

    async def depth(self) -> int:
        self.asked += 1
        if self.length is None:
            raise Unavailable("away")
        return self.length


def none_open(namespace: str, caller: str) -> int:
    return 0


def check(quotas: Quotas) -> None:
    asyncio.run(quotas.check_queue(ANYBODY))


def test_a_full_queue_refuses_and_says_when_to_come_again():
    with pytest.raises(Problem) as caught:
        check(Quotas(LIMITS, Queue(5), none_open))
    assert caught.value.code == Code.QUEUE_FULL
    assert caught.value.retry_after_seconds


def test_a_queue_that_is_away_refuses_nobody_and_is_left_alone_for_a_while():
    now, queue = [0.0], Queue(None)
    quotas = Quotas(LIMITS, queue, none_open, lambda: now[0])
    for now[0] in (0.0, 1.5, 4.9):
        check(quotas)
    assert queue.asked == 1
    now[0] = 5.1
    check(quotas)
    assert queue.asked == 2


def test_the_depth_is_asked_for_once_a_second():
    now, queue = [0.0], Queue(4)
    quotas = Quotas(LIMITS, queue, none_open, lambda: now[0])
    for now[0] in (0.0, 0.5, 0.9):
        check(quotas)
    assert queue.asked == 1


def test_bytes_in_flight_are_bounded_and_given_back():
    quotas = Quotas(LIMITS, Queue(0), none_open)
    with (
        quotas.reserve_bytes(60, ANYBODY),
        pytest.raises(Problem) as caught,
        quotas.reserve_bytes(41, ANYBODY),
    ):
        pass
    assert caught.value.code == Code.RATE_LIMITED
    with quotas.reserve_bytes(100, ANYBODY):
        pass


def test_one_body_alone_is_always_let_in():
    quotas = Quotas(LIMITS, Queue(0), none_open)
    with quotas.reserve_bytes(101, ANYBODY), pytest.raises(Problem), quotas.reserve_bytes(1, ANYBODY):
        pass


def test_bytes_are_given_back_when_the_upload_fails():
    quotas = Quotas(LIMITS, Queue(0), none_open)
    with pytest.raises(RuntimeError), quotas.reserve_bytes(100, ANYBODY):
        raise RuntimeError
    with quotas.reserve_bytes(100, ANYBODY), pytest.raises(Problem), quotas.reserve_bytes(1, ANYBODY):
        pass


def test_a_caller_has_a_bound_of_its_own_that_leaves_the_others_room():
    quotas = Quotas(LIMITS, Queue(0), none_open)
    shop, blog, large = (
        Caller("default", "shop"),
        Caller("default", "blog"),
        Caller("default", "large", limits=CallerLimits(bytes_in_flight=70)),
    )
    with quotas.reserve_bytes(30, shop):
        with pytest.raises(Problem, match="of your uploads"), quotas.reserve_bytes(21, shop):
            pass
        with quotas.reserve_bytes(20, shop), quotas.reserve_bytes(50, blog):
            pass
        with quotas.reserve_bytes(10, large), quotas.reserve_bytes(60, large):
            pass
    with quotas.reserve_bytes(100, shop):
        pass
    assert quotas.bytes_in_flight == 0


@pytest.mark.parametrize(
    ("caller", "refused"),
    [(Caller("default", "shop"), True), (Caller("default", "blog"), False), (ANYBODY, False)],
)
def test_a_caller_with_too_many_open_images_waits_alone(caller, refused):
    quotas = Quotas(LIMITS, Queue(0), lambda namespace, name: 3 if name == "shop" else 0)
    if refused:
        with pytest.raises(Problem, match="of your images") as caught:
            asyncio.run(quotas.check_queue(caller))
        assert (caught.value.code, caught.value.retry_after_seconds) == (Code.QUEUE_FULL, 5)
    else:
        asyncio.run(quotas.check_queue(caller))


@pytest.mark.parametrize("own", [None, 4], ids=["setting", "file of callers"])
def test_a_caller_cannot_fill_the_pool(own):
    caller = Caller("default", "shop", limits=CallerLimits(pool_images=own))
    for images, refused in (((own or 2) - 1, False), (own or 2, True)):
        quotas = Quotas(
            LIMITS._replace(max_caller_pool_images=2), Queue(0), none_open,
            pool_images=lambda namespace, name, images=images: images if name == "shop" else 0,
        )  # fmt: skip
        if refused:
            with pytest.raises(Problem, match="wait for the pool") as caught:
                asyncio.run(quotas.check_queue(caller))
            assert caught.value.code == Code.QUEUE_FULL
        else:
            asyncio.run(quotas.check_queue(caller))
        asyncio.run(quotas.check_queue(Caller("default", "blog")))
        asyncio.run(quotas.check_queue(ANYBODY))


def test_the_bound_of_one_caller_lies_below_that_of_all():
    limits = Limits()
    assert limits.max_caller_pool_images < limits.max_queued_images


def test_a_caller_may_have_a_bound_on_images_of_its_own():
    large = Caller("default", "large", limits=CallerLimits(queued_images=10))
    asyncio.run(Quotas(LIMITS, Queue(0), lambda namespace, name: 9).check_queue(large))
    with pytest.raises(Problem):
        asyncio.run(Quotas(LIMITS, Queue(0), lambda namespace, name: 10).check_queue(large))


def test_a_job_that_would_be_too_much_beside_the_callers_others_is_refused_but_never_one_alone():
    for own, count, refused in ((0, 4, False), (1, 2, False), (1, 3, True)):
        quotas = Quotas(LIMITS, Queue(0), lambda *_, own=own: own)
        if refused:
            with pytest.raises(Problem, match="1 of your images"):
                quotas.check_images(Caller("default", "shop"), count)
        else:
            quotas.check_images(Caller("default", "shop"), count)
        quotas.check_images(ANYBODY, 10**6)


def test_long_lists_are_made_a_few_at_a_time():
    quotas = Quotas(Limits(max_lists_at_once=1), Queue(0), none_open)
    with quotas.hold_list_slot(), pytest.raises(Problem) as caught, quotas.hold_list_slot():
        pass
    assert caught.value.code == Code.RATE_LIMITED
    with quotas.hold_list_slot():
        pass
