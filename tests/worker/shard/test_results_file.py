import asyncio

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.wire import s3_keys
from imagejobs_worker.image.store import OwnershipLost
from imagejobs_worker.shard.results_file import ResultsFile
from support.worker.process import UID

KEY = s3_keys.results(UID, 0)


@pytest.fixture(autouse=True)
def _prepared(objects):
    asyncio.run(objects.put(s3_keys.spec(UID), b"{}", content_type="application/json"))


def good(index, attempt=1):
    return Outcome(index, f"photo-{index}.jpg", attempt)


def bad(index, attempt=1):
    return Outcome(index, f"photo-{index}.jpg", attempt, Code.CORRUPT_IMAGE, "damaged")


def lines(objects):
    return [Outcome.from_line(line).index for line in asyncio.run(objects.get(KEY, 10**6))[0].splitlines()]


class LosesAnswers:
    """A real store that loses the answers to `lost` puts, and then does not send `unsent` more."""

    def __init__(self, objects, lost=0, unsent=0):
        self._objects = objects
        self._lost = lost
        self._unsent = unsent

    def __getattr__(self, name):
        return getattr(self._objects, name)

    async def put(self, key, data, **options):
        if self._lost:
            self._lost -= 1
            await self._objects.put(key, data, **options)
            raise Unavailable
        if self._unsent:
            self._unsent -= 1
            raise Unavailable
        return await self._objects.put(key, data, **options)


def test_an_attempt_of_some_codes_keeps_the_other_failures(objects):
    failed = (
        Outcome(0, "a", code=Code.SOURCE_TIMEOUT),
        Outcome(1, "b", code=Code.CORRUPT_IMAGE),
        Outcome(2, "c"),
    )

    async def ended() -> list[int]:
        first = await ResultsFile.open(objects, UID, 0, 1)
        first.add(failed)
        await first.save()
        later = await ResultsFile.open(objects, UID, 0, 2, {"source_timeout"})
        return [each.index for each in later.ended]

    assert asyncio.run(ended()) == [1, 2]


def test_the_file_of_a_job_that_was_deleted_is_not_made(objects):
    async def scenario():
        results = await ResultsFile.open(objects, UID, 0, 1)
        results.add([good(0)])
        await objects.delete_prefix(s3_keys.job(UID))
        with pytest.raises(OwnershipLost, match="the job's files are gone"):
            await results.save()
        assert await objects.head(KEY) is None

    asyncio.run(scenario())


def test_each_checkpoint_writes_all_outcomes_in_order(objects):
    async def scenario():
        results = await ResultsFile.open(objects, UID, 0, 1)
        results.add([good(2), bad(0)])
        await results.save()
        results.add([good(1)])
        await results.save()

    asyncio.run(scenario())
    assert lines(objects) == [0, 1, 2]


def test_nothing_new_is_not_written_again(objects):
    async def scenario():
        results = await ResultsFile.open(objects, UID, 0, 1)
        await results.save()
        before = await objects.head(KEY)
        results.add([good(0)])
        await results.save()
        etag = (await objects.head(KEY)).etag
        await results.save()
        return before, etag == (await objects.head(KEY)).etag

    assert asyncio.run(scenario()) == (None, True)


def test_the_next_pod_keeps_successes_and_failures_of_its_own_attempt(objects):
    async def scenario():
        first = await ResultsFile.open(objects, UID, 0, 1)
        first.add([good(0), bad(1)])
        await first.save()
        same, later = await ResultsFile.open(objects, UID, 0, 1), await ResultsFile.open(objects, UID, 0, 2)
        return [each.index for each in same.ended], [each.index for each in later.ended]

    assert asyncio.run(scenario()) == ([0, 1], [0])


def test_a_failure_of_an_earlier_attempt_stays_in_the_file_until_it_is_replaced(objects):
    async def scenario():
        first = await ResultsFile.open(objects, UID, 0, 1)
        first.add([bad(1)])
        await first.save()
        later = await ResultsFile.open(objects, UID, 0, 2)
        later.add([good(0, attempt=2)])
        await later.save()
        before = lines_of(await objects.get(KEY, 10**6))
        later.add([good(1, attempt=2)])
        await later.save()
        return before, lines_of(await objects.get(KEY, 10**6))

    def lines_of(answer):
        return [(each.index, each.succeeded) for each in map(Outcome.from_line, answer[0].splitlines())]

    assert asyncio.run(scenario()) == ([(0, True), (1, False)], [(0, True), (1, True)])


def test_outcomes_stand_in_the_order_in_which_they_came(objects):
    async def scenario():
        first = await ResultsFile.open(objects, UID, 0, 1)
        first.add([bad(0), good(1)])
        await first.save()
        later = await ResultsFile.open(objects, UID, 0, 2)
        later.add([good(2, attempt=2), good(0, attempt=2)])
        return [each.index for each in later.ended]

    assert asyncio.run(scenario()) == [1, 2, 0]


def test_of_two_pods_with_one_index_the_one_that_writes_first_goes_on(objects):
    async def scenario():
        one, other = await ResultsFile.open(objects, UID, 0, 1), await ResultsFile.open(objects, UID, 0, 1)
        one.add([good(0)])
        other.add([bad(0)])
        await one.save()
        with pytest.raises(OwnershipLost):
            await other.save()
        one.add([good(1)])
        await one.save()
        return await one.verify_ownership(), await other.verify_ownership()

    assert asyncio.run(scenario()) == (True, False)
    assert lines(objects) == [0, 1]


def test_a_pod_that_was_away_while_another_wrote_overwrites_nothing(objects):
    async def scenario():
        zombie = await ResultsFile.open(objects, UID, 0, 1)
        zombie.add([bad(0)])
        await zombie.save()
        heir = await ResultsFile.open(objects, UID, 0, 1)
        heir.add([good(1)])
        await heir.save()
        zombie.add([bad(2)])
        with pytest.raises(OwnershipLost):
            await zombie.save()

    asyncio.run(scenario())
    assert lines(objects) == [0, 1]


@pytest.mark.parametrize(("lost", "unsent"), [(1, 0), (3, 0), (1, 2), (0, 2)])
def test_a_checkpoint_whose_answer_was_lost_is_recognised_as_our_own(objects, lost, unsent):
    async def scenario():
        results = await ResultsFile.open(LosesAnswers(objects, lost, unsent), UID, 0, 1)
        for index in range(lost + unsent + 1):
            results.add([good(index)])
            try:
                await results.save()
            except Unavailable:
                continue
        return await results.verify_ownership()

    assert asyncio.run(scenario())
    assert lines(objects) == list(range(lost + unsent + 1))


def test_a_file_that_vanished_stops_the_pod(objects):
    async def scenario():
        results = await ResultsFile.open(objects, UID, 0, 1)
        results.add([good(0)])
        await results.save()
        await objects.delete([KEY])
        results.add([good(1)])
        await results.save()

    with pytest.raises(OwnershipLost):
        asyncio.run(scenario())


def test_a_line_that_is_no_outcome_is_done_again(objects):
    data = f'{good(0).to_line()}\n{{"index": 1, "na\nnot json\n\n[]\n{good(2).to_line()}\n'.encode()
    asyncio.run(objects.put(KEY, data, content_type="application/x-ndjson"))
    assert [each.index for each in asyncio.run(ResultsFile.open(objects, UID, 0, 1)).ended] == [0, 2]
