"""What a page of jobs asks the progress board for."""

import asyncio
from collections.abc import Sequence

from imagejobs_api.view.live_board import OPEN_SECONDS, BoardWithBreaker
from imagejobs_api.view.live_counts import LiveCounts
from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import State, Status

ITEMS = tuple(Item(f"{n}.jpg", f"k/{n}") for n in range(4))


class Board:
    """Knows of each job that one image has its result; notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []
        self.is_away = False

    async def all_counts(self, uids: Sequence[str]) -> list[Counts]:
        self.asked.append(uids)
        if self.is_away:
            raise Unavailable("away")
        return [Counts(4, 0, 1) for _ in uids]


def job(name: str, state: State) -> ImageJob:
    done = 4 if state.final else 0
    return ImageJob(
        JobKey("default", name),
        Spec(items=ITEMS),
        uid=name,
        status=Status(state=state, counts=Counts(4, 0, done)),
    )


JOBS = [job("a", State.RUNNING), job("b", State.SUCCEEDED), job("c", State.PENDING)]


def done(board: Board, jobs: Sequence[ImageJob]) -> list[int]:
    return [each.succeeded for each in asyncio.run(LiveCounts(BoardWithBreaker(board)).get_many(jobs))]  # type: ignore[arg-type]  # no more is asked of it


def test_a_page_asks_once_and_only_for_what_runs():
    board = Board()
    assert done(board, JOBS) == [1, 4, 1]
    assert board.asked == [["a", "c"]]


def test_a_page_of_ended_jobs_asks_nothing():
    board = Board()
    assert done(board, [JOBS[1]] * 3) == [4, 4, 4]
    assert board.asked == []


def test_of_the_requests_beside_a_board_that_is_away_one_a_second_asks_it():
    board, now = Board(), 100.0
    board.is_away = True

    async def ask(times: int) -> None:
        for _ in range(times):
            await breaker.all_counts(["a"])  # type: ignore[list-item]

    breaker = BoardWithBreaker(board, lambda: now)  # type: ignore[arg-type]
    asyncio.run(ask(10))
    assert len(board.asked) == 1
    now += OPEN_SECONDS
    asyncio.run(ask(10))
    assert len(board.asked) == 2


def test_without_a_board_the_status_is_told():
    board = Board()
    board.is_away = True
    assert done(board, JOBS) == [0, 4, 0]
