"""One suite over both JobStores: what holds for the Kubernetes API holds for SQLite."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import AlreadyExists, Conflict, Invalid, NotFound
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import FINALIZER, LABEL_CALLER, CallerName, JobKey
from imagejobs_contract.model.options import Fit, Format, Variant
from imagejobs_contract.model.outcome import Outcome, OutputFile
from imagejobs_contract.model.spec import DeletionPolicy, Execution, Manifest, Output, Spec
from imagejobs_contract.model.status import Condition, ConditionType, Reason, State, Status
from imagejobs_contract.ports import JobStore
from imagejobs_contract.stores import kubernetes
from imagejobs_contract.stores.sqlite import SqliteStore
from support.cluster.store_feed import told_keys

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RUNNING = Status(
    1,
    State.RUNNING,
    (Condition(ConditionType.ACCEPTED, True, Reason.ACCEPTED, "", NOON, 1),),
    Counts(1, 1),
    started=NOON,
)

Scenario = Callable[[JobStore, str], Awaitable[None]]


@pytest.fixture(params=["sqlite", "kubernetes"])
def play(request, tmp_path) -> Callable[[Scenario], None]:
    """Return a function that runs a scenario with an open store and a namespace of its own."""
    if request.param == "sqlite":
        namespace = "default"

        async def opened() -> JobStore:
            return SqliteStore(tmp_path / "jobs.sqlite")
    else:
        plane, namespace = request.getfixturevalue("controlplane"), request.getfixturevalue("namespace")

        async def opened() -> JobStore:
            return kubernetes.KubernetesStore(await kubernetes.connect(str(plane.kubeconfig)), [namespace])

    async def played(scenario: Scenario) -> None:
        store = await opened()
        try:
            await asyncio.wait_for(scenario(store, namespace), 60)
        finally:
            await store.close()

    return lambda scenario: asyncio.run(played(scenario))


def new(namespace: str, name: str = "a", **spec: object) -> ImageJob:
    return ImageJob(JobKey(namespace, name), Spec(**({"items": (Item("a.jpg", key="photos/a.jpg"),)} | spec)))


async def versions(store: JobStore, key: JobKey) -> tuple[str, int]:
    job = await store.get(key)
    return job.resource_version, job.generation


@contextlib.asynccontextmanager
async def following(store: JobStore) -> AsyncIterator[Callable[[JobKey], Awaitable[None]]]:
    """Give a function that waits until the feed names a key, from the call on."""
    heard: asyncio.Queue[JobKey] = asyncio.Queue()

    async def listen() -> None:
        async for key in told_keys(store):
            heard.put_nowait(key)

    async def wait(key: JobKey) -> None:
        async with asyncio.timeout(10):
            while await heard.get() != key:
                pass

    task = asyncio.create_task(listen())
    try:
        yield wait
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_a_new_job_gets_uid_version_and_time_and_is_found_again(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        asked = replace(
            new(namespace),
            labels={"imagejobs.dev/caller": "shop"},
            annotations={"imagejobs.dev/uploads": "uploads/x/"},
        )
        before = datetime.now(UTC).replace(microsecond=0)
        made = await store.create(asked)
        assert made.uid
        assert made.resource_version
        assert before <= made.created <= datetime.now(UTC)
        assert (made.generation, made.deleting, made.status) == (1, False, Status())
        assert (made.spec, made.labels, made.annotations) == (asked.spec, asked.labels, asked.annotations)
        assert await store.get(asked.key) == made

    play(scenario)


def test_a_spec_with_every_field_comes_back_as_it_was(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        variant = Variant(
            "w",
            10,
            20,
            Fit.COVER,
            format=Format.WEBP,
            quality=5,
            max_size=9000,
            background="ffffff",
            frames=3,
        )
        spec = Spec(
            manifest=Manifest("m.jsonl", 7),
            variants=(variant, Variant("x", enlarge=True, keep_metadata=True, only_if_smaller=True)),
            output=Output("sites/shop/", "no-store", DeletionPolicy.DELETE), execution=Execution.JOB,
            parallelism=3, items_per_pod=9, attempts=2, max_failed_items=0, suspend=True,
            active_deadline_seconds=60, ttl_seconds_after_finished=0, queue_name="q", class_name="shop",
            priority_class_name="high.prio", callback_url="https://example.com/hook",
        )  # fmt: skip
        await store.create(ImageJob(JobKey(namespace, "full"), spec))
        assert (await store.get(JobKey(namespace, "full"))).spec == spec

    play(scenario)


def test_urls_are_kept_as_they_were_given_also_with_a_scheme_in_capitals(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        spec = Spec(items=(Item(url="HTTP://example.com/a.jpg"),), callback_url="Https://example.com/hook")
        await store.create(ImageJob(JobKey(namespace, "loud"), spec))
        assert (await store.get(JobKey(namespace, "loud"))).spec == spec

    play(scenario)


def test_what_a_caller_claims_to_be_assigned_is_not_taken_over(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        made = await store.create(
            replace(
                new(namespace), uid="mine", resource_version="7", generation=9, created=NOON, status=RUNNING
            )
        )
        assert made.uid != "mine"
        assert (made.generation, made.status) == (1, Status())
        assert made.created != NOON

    play(scenario)


def test_a_second_job_of_that_name_is_refused(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        first = await store.create(new(namespace))
        with pytest.raises(AlreadyExists):
            await store.create(new(namespace, parallelism=2))
        assert await store.get(first.key) == first

    play(scenario)


@pytest.mark.parametrize("name", ["", "Big", "a.b", "-a", "a" * 47, "../b"])
def test_a_name_that_could_not_be_part_of_a_pods_is_refused(play, name):
    async def scenario(store: JobStore, namespace: str) -> None:
        with pytest.raises(Invalid):
            await store.create(new(namespace, name))
        assert await store.keys() == []

    play(scenario)


def test_a_spec_that_breaks_the_rules_is_refused_with_every_fault(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        with pytest.raises(Invalid) as caught:
            await store.create(new(namespace, parallelism=0, variants=(Variant(fit=Fit.COVER),)))
        assert {fault.where for fault in caught.value.faults} == {"spec.parallelism", "spec.variants[0].fit"}

    play(scenario)


@pytest.mark.parametrize("name", ["missing", "..", "a/../b", "a?watch=1", "", "A"])
def test_a_job_that_is_not_there_is_not_found(play, name):
    async def scenario(store: JobStore, namespace: str) -> None:
        await store.create(new(namespace))
        with pytest.raises(NotFound):
            await store.get(JobKey(namespace, name))
        with pytest.raises(NotFound):
            await store.change_spec(JobKey(namespace, name), lambda spec: replace(spec, cancel=True))
        await store.delete(JobKey(namespace, name))
        assert len(await store.keys()) == 1

    play(scenario)


def test_a_list_is_cut_into_pages_that_together_hold_every_job_once(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        for n in range(5):
            await store.create(new(namespace, f"job-{n}"))
        seen, cursor, pages = [], "", 0
        while pages == 0 or cursor:
            page = await store.list(namespace, limit=2, cursor=cursor)
            seen += [job.key.name for job in page.jobs]
            cursor, pages = page.cursor, pages + 1
        assert sorted(seen) == [f"job-{n}" for n in range(5)]
        assert pages == 3
        everything = await store.list(None)
        assert [job.key.name for job in everything.jobs] == [f"job-{n}" for n in reversed(range(5))]
        assert everything.cursor == ""

    play(scenario)


def test_a_cursor_of_somebody_elses_making_is_refused(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        with pytest.raises(Invalid):
            await store.list(namespace, cursor="x; DROP TABLE jobs")

    play(scenario)


def test_another_namespaces_jobs_are_not_listed(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        await store.create(new(namespace))
        assert (await store.list("kube-public")).jobs == ()

    play(scenario)


def test_a_list_of_one_caller_holds_only_its_jobs(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        for name, labels in (("a", {LABEL_CALLER: "shop"}), ("b", {LABEL_CALLER: "shopping"}), ("c", {})):
            await store.create(replace(new(namespace, name), labels=labels))
        assert [job.key.name for job in (await store.list(namespace, caller="shop")).jobs] == ["a"]
        assert len((await store.list(namespace)).jobs) == 3

    play(scenario)


def test_a_list_of_one_state_holds_only_those_and_unseen_jobs_are_pending(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        running, pending = (
            await store.create(new(namespace, "running")),
            await store.create(new(namespace, "pending")),
        )
        await store.create(new(namespace, "unseen"))
        await store.put_status(running, RUNNING)
        await store.put_status(pending, replace(RUNNING, state=State.PENDING))

        async def named(state: State) -> set[str]:
            return {job.key.name for job in (await store.list(namespace, state)).jobs}

        assert await named(State.RUNNING) == {"running"}
        assert await named(State.PENDING) == {"pending", "unseen"}
        assert await named(State.FAILED) == set()

    play(scenario)


def test_a_status_is_stored_without_touching_the_generation(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        job = await store.create(new(namespace))
        written = await store.put_status(job, RUNNING)
        assert written.status == RUNNING
        assert written.generation == 1
        assert written.resource_version != job.resource_version
        assert await store.get(job.key) == written

    play(scenario)


def test_a_status_field_that_is_gone_from_the_new_status_is_gone_from_the_store(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        output = OutputFile("default", "outputs/a/a.jpg", 4, 3, Format.JPEG, 2)
        outcomes = (Outcome(0, "a", outputs=(output,)), Outcome(1, "b", code=Code.CORRUPT_IMAGE, message="m"))
        full = replace(
            RUNNING,
            job_name="a-1-1",
            shards=2,
            outcomes=outcomes,
            failure_codes=("x",),
            results_key="jobs/u/",
            completed=NOON,
        )
        job = await store.put_status(await store.create(new(namespace)), full)
        assert (await store.get(job.key)).status == full
        bare = Status(2, State.QUEUED)
        await store.put_status(job, bare)
        assert (await store.get(job.key)).status == bare

    play(scenario)


def test_the_same_status_again_is_no_write(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        job = await store.put_status(await store.create(new(namespace)), RUNNING)
        assert (await store.put_status(job, RUNNING)).resource_version == job.resource_version
        assert (await store.get(job.key)).resource_version == job.resource_version

    play(scenario)


def test_a_status_made_from_an_old_reading_is_a_conflict(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        old = await store.create(new(namespace))
        await store.change_spec(old.key, lambda spec: replace(spec, suspend=True))
        with pytest.raises(Conflict):
            await store.put_status(old, RUNNING)
        assert (await store.get(old.key)).status == Status()

    play(scenario)


def test_a_status_for_a_job_whose_name_was_used_again_is_not_written(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        first = await store.create(new(namespace))
        await store.delete(first.key)
        with pytest.raises(NotFound):
            await store.put_status(first, RUNNING)
        second = await store.create(new(namespace))
        assert second.uid != first.uid
        with pytest.raises(NotFound):
            await store.put_status(first, RUNNING)
        assert await store.get(first.key) == second

    play(scenario)


def test_mutable_fields_can_be_changed_and_changed_back_and_each_change_is_a_generation(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        job = await store.create(new(namespace))
        changed = await store.change_spec(
            job.key,
            lambda spec: replace(
                spec, suspend=True, parallelism=3, retry_failed=1, ttl_seconds_after_finished=9
            ),
        )
        assert (changed.spec.suspend, changed.spec.parallelism, changed.generation) == (True, 3, 2)
        back = await store.change_spec(job.key, lambda spec: replace(spec, suspend=False, parallelism=10))
        assert (back.spec.suspend, back.spec.parallelism, back.spec.retry_failed, back.generation) == (
            False,
            10,
            1,
            3,
        )
        assert await store.get(job.key) == back

    play(scenario)


def test_a_change_that_changes_nothing_is_no_write(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        job = await store.create(new(namespace))
        assert await store.change_spec(job.key, lambda spec: spec) == job
        assert await versions(store, job.key) == (job.resource_version, 1)

    play(scenario)


@pytest.mark.parametrize(
    "change",
    [
        {"items": (Item("b.jpg", key="b"),)}, {"variants": (Variant(width=1),)}, {"output": Output("x")},
        {"execution": Execution.POOL}, {"attempts": 4}, {"queue_name": "q"}, {"max_failed_items": 3},
        {"class_name": "shop"}, {"callback_url": "https://example.com/"}, {"items_per_pod": 1},
        {"cancel": False},
        {"retry_failed": 1}, {"parallelism": 0},
    ],
    ids=lambda change: "-".join(change),
)  # fmt: skip
def test_what_is_immutable_or_wrong_cannot_be_changed(play, change):
    async def scenario(store: JobStore, namespace: str) -> None:
        job = await store.create(new(namespace, cancel=True, retry_failed=2))
        with pytest.raises(Invalid):
            await store.change_spec(job.key, lambda spec: replace(spec, **change))
        assert await store.get(job.key) == job

    play(scenario)


def ended(state: State, succeeded: int, attempt: int = 1) -> Status:
    return Status(state=state, attempt=attempt, counts=Counts(1, 0, succeeded, 1 - succeeded))


@pytest.mark.parametrize("command", ["cancel", "suspend"])
@pytest.mark.parametrize(
    ("status", "retry", "taken"),
    [
        (RUNNING, 0, True),
        (ended(State.SUCCEEDED, 1), 0, False),
        (ended(State.SUCCEEDED, 1), 1, False),
        (ended(State.PARTIALLY_SUCCEEDED, 0), 0, False),
        (ended(State.FAILED, 0), 0, False),
        (ended(State.FAILED, 0), 1, True),
        (ended(State.FAILED, 0, attempt=2), 1, False),
        (ended(State.CANCELLED, 0), 0, False),
    ],
    ids=[
        "running",
        "succeeded",
        "all succeeded, retried",
        "partially",
        "failed",
        "retried",
        "retry ended",
        "cancelled",
    ],
)
def test_a_job_that_has_ended_takes_no_command_but_a_retry(play, command, status, retry, taken):
    async def scenario(store: JobStore, namespace: str) -> None:
        job = await store.put_status(await store.create(new(namespace)), status)
        change = store.change_spec(job.key, lambda spec: replace(spec, retry_failed=retry, **{command: True}))
        if taken:
            assert getattr((await change).spec, command)
        else:
            with pytest.raises(Invalid, match=f"the job has ended: it is {status.state}"):
                await change
            assert await store.get(job.key) == job

    play(scenario)


def test_what_was_commanded_before_the_end_stays_and_can_be_taken_back(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        job = await store.put_status(await store.create(new(namespace, suspend=True)), ended(State.FAILED, 0))
        longer = await store.change_spec(job.key, lambda spec: replace(spec, ttl_seconds_after_finished=9))
        assert longer.spec.suspend
        await store.put_status(longer, replace(longer.status, attempt=2))
        assert not (await store.change_spec(job.key, lambda spec: replace(spec, suspend=False))).spec.suspend

    play(scenario)


def test_changes_at_the_same_time_all_happen(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        job = await store.create(new(namespace))
        await asyncio.gather(
            *(
                store.change_spec(job.key, lambda spec: replace(spec, retry_failed=spec.retry_failed + 1))
                for _ in range(3)
            )
        )
        assert (await store.get(job.key)).spec.retry_failed == 3

    play(scenario)


def test_a_deleted_job_is_gone_and_deleting_it_again_is_nothing(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        job = await store.create(new(namespace))
        await store.delete(job.key)
        await store.delete(job.key)
        with pytest.raises(NotFound):
            await store.get(job.key)

    play(scenario)


def test_deleting_by_another_uid_leaves_the_job(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        job = await store.create(new(namespace))
        await store.delete(job.key, "00000000-0000-4000-8000-000000000000")
        assert await store.get(job.key) == job
        await store.delete(job.key, job.uid)
        assert await store.keys() == []

    play(scenario)


def test_a_job_with_a_finalizer_waits_for_it(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        job = await store.create(replace(new(namespace), finalizers=(FINALIZER,)))
        await store.delete(job.key)
        waiting = await store.get(job.key)
        assert (waiting.deleting, waiting.finalizers, waiting.generation) == (True, (FINALIZER,), 2)
        await store.put_status(waiting, RUNNING)
        await store.remove_finalizer(job, "imagejobs.dev/other")
        assert (await store.get(job.key)).deleting
        await store.remove_finalizer(job, FINALIZER)
        await store.remove_finalizer(job, FINALIZER)
        assert await store.keys() == []

    play(scenario)


def test_a_finalizer_can_be_put_on_a_living_job_but_not_on_its_successor_nor_on_one_that_is_being_deleted(
    play,
):
    async def scenario(store: JobStore, namespace: str) -> None:
        job = await store.create(replace(new(namespace), finalizers=("imagejobs.dev/other",)))
        await store.add_finalizer(replace(job, uid="00000000-0000-4000-8000-000000000000"), FINALIZER)
        assert (await store.get(job.key)).finalizers == ("imagejobs.dev/other",)
        for _ in range(2):
            await store.add_finalizer(job, FINALIZER)
        held = await store.get(job.key)
        assert held.finalizers == ("imagejobs.dev/other", FINALIZER)
        assert held.resource_version != job.resource_version
        await store.remove_finalizer(job, FINALIZER)
        await store.delete(job.key)
        await store.add_finalizer(job, FINALIZER)
        assert (await store.get(job.key)).finalizers == ("imagejobs.dev/other",)
        await store.remove_finalizer(job, "imagejobs.dev/other")
        await store.add_finalizer(job, FINALIZER)
        assert await store.keys() == []

    play(scenario)


def test_a_finalizer_of_a_living_job_can_be_taken_off_but_not_from_its_successor(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        job = await store.create(replace(new(namespace), finalizers=(FINALIZER,)))
        await store.remove_finalizer(replace(job, uid="00000000-0000-4000-8000-000000000000"), FINALIZER)
        assert (await store.get(job.key)).finalizers == (FINALIZER,)
        await store.remove_finalizer(job, FINALIZER)
        assert (await store.get(job.key)).finalizers == ()

    play(scenario)


def test_every_kind_of_change_is_heard_of(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        before = await store.create(new(namespace, "before"))
        async with following(store) as hear:
            await hear(before.key)
            job = await store.create(new(namespace))
            await hear(job.key)
            await store.put_status(job, RUNNING)
            await hear(job.key)
            await store.change_spec(job.key, lambda spec: replace(spec, suspend=True))
            await hear(job.key)
            await store.delete(job.key)
            await hear(job.key)

    play(scenario)


def test_five_hundred_images_with_the_longest_keys_can_be_stored_and_changed(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        items = tuple(Item(f"{n}.jpg", key="k" * 1000 + str(n)) for n in range(500))
        job = await store.create(
            new(namespace, items=items, variants=tuple(Variant(f"v{n}", width=n + 1) for n in range(16)))
        )
        changed = await store.change_spec(job.key, lambda spec: replace(spec, cancel=True))
        assert (await store.put_status(changed, RUNNING)).spec.items == items

    play(scenario)


def test_another_callers_job_is_as_good_as_none(play):
    async def scenario(store: JobStore, namespace: str) -> None:
        job = await store.create(replace(new(namespace), labels={LABEL_CALLER: "bob"}))
        assert (await store.get(job.key, caller=CallerName("bob"))).uid == job.uid
        for key in (job.key, JobKey(namespace, "no-such-job")):
            with pytest.raises(NotFound):
                await store.get(key, caller=CallerName("alice"))

    play(scenario)
