"""The list that a process keeps: its order, its pages, its bounds. No server is needed."""

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagejobs_api.listing.index import Index, trim
from imagejobs_contract.model import names
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.spec import Execution, Manifest, Spec
from imagejobs_contract.model.status import Failure, State, Status

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def job(
    name: str,
    seconds: int = 0,
    caller: str = "",
    state: State = State.PENDING,
    images: int = 1,
    done: int = 0,
    version: int = 1,
    uid: str = "",
):
    return ImageJob(
        JobKey("default", name), Spec(items=tuple(Item(f"{n}.jpg", f"k/{n}") for n in range(images))),
        uid=uid or name, resource_version=str(version),
        created=NOON + timedelta(seconds=seconds), labels={names.LABEL_CALLER: caller} if caller else {},
        status=Status(state=state, counts=Counts(images, 0, done), attempt=1),
    )  # fmt: skip


def filled(*jobs: ImageJob, most: int = 100) -> Index:
    index = Index(most)
    for each in jobs:
        index.put(each)
    return index


def pages(index: Index, limit: int, caller: str = "", state: State | None = None) -> list[list[str]]:
    found, after = [], None
    while True:
        listed = index.page("default", caller, state, limit, after)
        found.append([each.key.name for each in listed.jobs])
        after = listed.after
        if after is None:
            return found


def test_the_newest_stand_first_and_equals_by_name():
    index = filled(job("b", 5), job("c", 9), job("a", 5), job("d", 1))
    assert pages(index, 2) == [["c", "b"], ["a", "d"]]
    assert pages(index, 3) == [["c", "b", "a"], ["d"]]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["", "shop", "blog"]), st.sampled_from(list(State))),
        max_size=30,
    ),
    st.integers(1, 7),
)
def test_pages_hold_each_job_that_fits_once_in_strict_order(made, limit):
    jobs = [job(f"j{n}", seconds, caller, state) for n, (seconds, caller, state) in enumerate(made)]
    index = filled(*jobs)
    for caller in ("", "shop"):
        for state in (None, State.RUNNING):
            fitting = [
                each
                for each in jobs
                if caller in ("", each.labels.get(names.LABEL_CALLER)) and state in (None, each.status.state)
            ]
            expected = [
                each.key.name
                for each in sorted(fitting, key=lambda each: (each.created, each.key.name), reverse=True)
            ]
            assert sum(pages(index, limit, caller, state), []) == expected  # noqa: RUF017


def test_a_job_that_comes_between_two_pages_moves_nothing():
    index = filled(*[job(f"j{n}", n) for n in range(4)])
    first = index.page("default", "", None, 2, None)
    index.put(job("new", 9))
    index.drop(JobKey("default", "j2"))
    assert [each.key.name for each in index.page("default", "", None, 2, first.after).jobs] == ["j1", "j0"]


def test_beyond_the_bound_the_oldest_go():
    index = filled(*[job(f"j{n}", n, "shop") for n in range(10)], most=4)
    assert len(index) == 4
    assert pages(index, 10, "shop") == [["j9", "j8", "j7", "j6"]]
    assert index.open_images("default", "shop") == 4


def test_an_older_state_that_is_read_late_does_not_replace_a_newer_one():
    index = filled(job("a", state=State.SUCCEEDED, version=12), job("a", state=State.RUNNING, version=9))
    assert index.page("default", "", None, 1, None).jobs[0].status.state == State.SUCCEEDED
    index.put(job("a", state=State.PENDING, version=3, uid="another"))
    assert index.page("default", "", None, 1, None).jobs[0].status.state == State.PENDING


def test_open_images_are_counted_per_caller_as_jobs_come_move_and_go():
    index = filled(job("a", caller="shop", images=5), job("b", caller="blog", images=7))
    assert [index.open_images("default", name) for name in ("shop", "blog", "", "nobody")] == [5, 7, 12, 0]
    index.put(job("a", caller="shop", images=5, done=2, state=State.RUNNING, version=2))
    assert index.open_images("default", "shop") == 3
    index.put(job("a", caller="shop", images=5, done=5, state=State.SUCCEEDED, version=3))
    index.drop(JobKey("default", "b"))
    index.drop(JobKey("default", "b"))
    assert [index.open_images("default", name) for name in ("shop", "blog", "")] == [0, 0, 0]


def test_images_of_the_pool_are_counted_apart_from_those_that_have_pods_of_their_own():
    small, large, listed = (job(name, caller="shop", images=5) for name in ("small", "large", "listed"))
    large = replace(large, spec=replace(large.spec, execution=Execution.JOB))
    listed = replace(listed, spec=Spec(manifest=Manifest("k/lines", 70)))
    index = filled(small, large, listed)
    assert (index.open_images("default", "shop"), index.pool_images("default", "shop")) == (80, 5)
    index.put(replace(small, status=replace(small.status, job_name="small-1"), resource_version="2"))
    assert (index.open_images("default", "shop"), index.pool_images("default", "shop")) == (80, 0)
    index.put(replace(small, resource_version="3"))
    index.drop(small.key)
    assert index.pool_images("default", "shop") == 0


def test_a_page_of_one_state_costs_the_same_however_many_jobs_are_in_others():
    index = filled(
        *[job(f"j{n}", n, state=State.SUCCEEDED) for n in range(2000)],
        job("a", 1000, state=State.FAILED),
        most=3000,
    )
    looked_at = Looked(index._jobs)
    index._jobs = looked_at
    assert pages(index, 9, state=State.FAILED) == [["a"]]
    assert pages(index, 9, state=State.RUNNING) == [[]]
    assert looked_at.count == 1


class Looked(dict):
    """Counts how often something is taken from it."""

    count = 0

    def __getitem__(self, key):
        self.count += 1
        return super().__getitem__(key)


@pytest.mark.parametrize("images", [1, 500])
def test_what_is_kept_of_a_job_is_small_however_large_it_is(images):
    large = job("a", images=images)
    status = replace(
        large.status, failures=tuple(Failure(f"{n}.jpg", "corrupt_image", "x" * 256) for n in range(10)),
        outcomes=tuple(Outcome(n, f"{n}.jpg") for n in range(min(images, 16))),
    )  # fmt: skip
    kept = trim(replace(large, status=status, annotations={"a": "b" * 10_000}))
    assert kept.spec.total == images
    assert size(kept) < 6000


def test_a_list_tells_what_a_job_is_called_and_finds_it_by_the_state_that_is_told_of_it():
    failed = job("a", state=State.FAILED)
    asked = replace(
        failed,
        spec=replace(failed.spec, retry_failed=1),
        annotations={names.ANNOTATION_TITLE: "Spring sale", "other": "x"},
    )
    index = filled(asked)
    assert pages(index, 9, state=State.FAILED) == [[]]
    assert pages(index, 9, state=State.PENDING) == [["a"]]
    assert index.page("default", "", None, 9, None).jobs[0].annotations == {
        names.ANNOTATION_TITLE: "Spring sale"
    }


def size(value: object) -> int:
    """Return the bytes of a value and of all that it holds, shared values counted too."""
    if isinstance(value, dict):
        inner = [*value.keys(), *value.values()]
    elif isinstance(value, tuple | list):
        inner = list(value)
    else:
        inner = [getattr(value, name) for name in getattr(value, "__slots__", ())]
    return sys.getsizeof(value) + sum(map(size, inner))


def sample(name: str, caller: str = "", **more) -> ImageJob:
    made = job(name, caller=caller, **more)
    return replace(made, labels={**made.labels, names.LABEL_SAMPLE: "true"})


def test_samples_are_counted_and_on_no_page():
    index = filled(sample("a", "shop"), sample("b", "blog", state=State.SUCCEEDED), job("c", caller="shop"))
    assert pages(index, 9) == [["c"]]
    assert pages(index, 9, "shop") == [["c"]]
    assert [index.samples("default", name) for name in ("", "shop", "blog", "else")] == [2, 1, 1, 0]
    assert index.open_images("default", "shop") == 2
    index.put(replace(sample("b", "blog", version=2), deleting=True))
    assert index.samples("default", "blog") == 0
    index.drop(JobKey("default", "a"))
    assert [index.samples("default", name) for name in ("", "shop")] == [0, 0]
