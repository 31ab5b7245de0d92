"""What a watch delivers: which jobs are cached, and which keys are queued."""

from dataclasses import replace

import pytest

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Execution
from imagejobs_contract.ports import JobEvent
from imagejobs_operator.feeds.cached_store import CachedStore
from imagejobs_operator.feeds.informer import Informer
from support.operator.world import World, spec

KEY = JobKey("ns", "job")


class Feed:
    """An informer over the store of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cache = CachedStore(world.store)  # type: ignore[arg-type]
        self.added: list[JobKey] = []
        self.informer = Informer(self.cache, self.added.append, world.reconciler.is_settled)
        self.reads = 0
        get = world.store.get

        async def get_and_count(*arguments: object, **named: object) -> ImageJob:
            self.reads += 1
            return await get(*arguments, **named)  # type: ignore[arg-type]

        world.store.get = get_and_count  # type: ignore[method-assign]

    def deliver(self, job: ImageJob | None = None, watch: str | None = None) -> list[JobKey]:
        """Deliver a job, by default the world's as it is; return the keys that were queued."""
        self.added.clear()
        self.informer.on_imagejob(JobEvent(KEY, job or self.world.job()), watch)
        return list(self.added)

    def read(self) -> ImageJob:
        job: ImageJob = self.world.run(self.cache.get(KEY))
        return job


@pytest.fixture
def feed(world: World) -> Feed:
    world.create(spec(1, execution=Execution.POOL))
    return Feed(world)


def test_a_job_that_was_delivered_is_not_read(feed: Feed) -> None:
    assert feed.deliver() == [KEY]
    assert feed.read() == feed.world.job()
    assert feed.reads == 0


def test_an_echo_of_our_own_write_is_no_news_and_a_change_of_others_is(feed: Feed) -> None:
    feed.deliver()
    status = replace(feed.read().status, observed_generation=1)
    written = feed.world.run(feed.cache.put_status(feed.read(), status))
    assert feed.deliver(written) == []
    feed.world.store.edit(KEY, cancel=True)
    assert feed.deliver() == [KEY]
    assert feed.read().spec.cancel


def test_an_ended_job_is_settled_until_the_resync_says_so(feed: Feed) -> None:
    feed.world.settle()
    feed.world.restart()
    again = Feed(feed.world)
    assert again.deliver() == []
    assert again.reads == 0
    assert again.world.memory.states[again.world.status().state] == 1
    assert not again.world.memory.is_due(KEY, again.world.now())
    again.world.advance(3600)
    assert again.world.memory.is_due(KEY, again.world.now())


@pytest.mark.parametrize("change", [{"retry_failed": 1}, {"ttl_seconds_after_finished": 0}])
def test_an_ended_job_at_which_there_is_something_to_do_is_queued(
    feed: Feed, change: dict[str, object]
) -> None:
    feed.world.settle()
    feed.world.store.edit(KEY, **change)
    assert Feed(feed.world).deliver() == [KEY]


def test_a_job_that_goes_or_took_the_name_of_another_is_queued(feed: Feed) -> None:
    feed.world.settle()
    ended = feed.world.job()
    assert Feed(feed.world).deliver(replace(ended, deleting=True)) == [KEY]
    assert Feed(feed.world).deliver(replace(ended, uid="another")) == [KEY]
    feed.informer.on_imagejob(JobEvent(KEY, None), None)
    assert feed.added == [KEY]


def test_the_end_of_a_watch_forgets_its_jobs_and_no_others(feed: Feed) -> None:
    feed.deliver(watch="ns")
    feed.informer.on_watch_end("elsewhere")
    feed.read()
    assert feed.reads == 0
    feed.informer.on_watch_end("ns")
    assert feed.deliver(watch="ns") == [KEY], "it is news again"
    feed.informer.on_watch_end("ns")
    feed.read()
    assert feed.reads == 1
