"""Manifests for the pods of a Job, and what is read of their results, in a strict S3 in memory."""

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Conflict, Invalid, NotFound, Unavailable
from imagejobs_contract.files import item_lengths
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.model.spec import Manifest, Spec
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.shards import Work, read_offsets
from imagejobs_operator.act import result_files, shard_inputs
from imagejobs_operator.decide.actions import FillMissing
from support.operator.fakes import Killed
from support.operator.world import OUTPUTS, World, outcome, spec


def lines(*outcomes: Outcome) -> bytes:
    return "".join(f"{each.to_line()}\n" for each in outcomes).encode()


def by_manifest(world: World, data: bytes, count: int) -> ImageJob:
    world.objects.keep("lists/a.jsonl", data)
    return world.create(Spec(manifest=Manifest("lists/a.jsonl", count), items_per_pod=2))


def read_slices(world: World, job: ImageJob) -> list[list[bytes]]:
    data = world.objects.data[s3_keys.manifest(job.uid)]
    return [
        data[own.start : own.end].splitlines()
        for own in read_offsets(world.objects.data[s3_keys.offsets(job.uid)])
    ]


def test_items_become_lines_that_each_shard_finds(world: World) -> None:
    job = world.create(spec(7, attempts=5))
    world.run(shard_inputs.prepare(world.objects, job, 3, None))
    slices = read_slices(world, job)
    assert [len(each) for each in slices] == [2, 2, 3]
    assert slices[2][2] == b'{"name":"photo-6.jpg","key":"uploads/u/6"}'
    work = Work.from_json(world.objects.data[s3_keys.spec(job.uid)])
    assert (work.total, work.attempts, work.prefix) == (7, 5, OUTPUTS)


@pytest.mark.parametrize("end", [b"", b"\n"], ids=["cut", "with line feed"])
@pytest.mark.parametrize("chunk", [7, 16, 10**6])
def test_a_callers_manifest_is_cut_at_its_lines(
    world: World, monkeypatch: pytest.MonkeyPatch, chunk: int, end: bytes
) -> None:
    monkeypatch.setattr(item_lengths, "CHUNK_BYTES", chunk)
    job = by_manifest(world, b'{"key":"a/1"}\n{"key":"a/2"}\n{"key":"\xc3\xa4/3"}' + end, 3)
    world.run(shard_inputs.prepare(world.objects, job, 2, None))
    assert read_slices(world, job) == [[b'{"key":"a/1"}'], [b'{"key":"a/2"}', b'{"key":"\xc3\xa4/3"}']]


def test_blank_lines_of_a_callers_manifest_are_no_images(world: World) -> None:
    job = by_manifest(
        world,
        b'\r\n{"key":"a/1","name":"1.jpg"}\r\n\n{"key":"a/2","name":"2.jpg"}\r\n'
        b'  \n{"key":"a/3","name":"3.jpg"}\n\n',
        3,
    )
    world.run(shard_inputs.prepare(world.objects, job, 2, None))
    assert [own.count for own in read_offsets(world.objects.data[s3_keys.offsets(job.uid)])] == [1, 2]
    world.run(result_files.fill(world.objects, job, FillMissing(1, Code.INTERNAL_ERROR, "its pod died")))
    found = world.run(result_files.collect(world.objects, job, 1))
    assert [(each.index, each.name) for each in found.outcomes.values()] == [
        (0, "1.jpg"),
        (1, "2.jpg"),
        (2, "3.jpg"),
    ]


@pytest.mark.parametrize(
    ("data", "told"),
    [(b"{}\n\n", "has 1 lines, blank ones aside"), (b"", "has 0 lines"), (b"x" * 20_000, "line 1 is longer")],
)
def test_a_manifest_that_is_not_what_the_spec_says_is_refused(world: World, data: bytes, told: str) -> None:
    job = by_manifest(world, data, 3)
    with pytest.raises(Invalid, match=told):
        world.run(shard_inputs.prepare(world.objects, job, 2, None))
    assert s3_keys.offsets(job.uid) not in world.objects.data


def test_what_the_caller_of_a_job_may_read_goes_with_it_to_its_pods(world: World) -> None:
    world.objects.keep("lists/a.jsonl", b'{"key":"a/1"}\n')
    job = world.create(Spec(manifest=Manifest("lists/a.jsonl", 1)))
    for allowed in (None, (), ("a/",)):
        assert Work.from_json(shard_inputs.make_work(job, allowed).to_json()).sources == allowed


def test_a_manifest_that_is_not_there_is_named(world: World) -> None:
    job = world.create(Spec(manifest=Manifest("lists/none.jsonl", 3)))
    with pytest.raises(NotFound, match=r"lists/none\.jsonl"):
        world.run(shard_inputs.prepare(world.objects, job, 2, None))


@pytest.mark.parametrize("at", range(3))
def test_half_of_a_preparation_is_done_again_and_a_whole_one_is_not(world: World, at: int) -> None:
    job = world.create(spec(4))
    world.faults.kill_before = at
    with pytest.raises(Killed):
        world.run(shard_inputs.prepare(world.objects, job, 2, None))
    world.faults.kill_before = None
    world.run(shard_inputs.prepare(world.objects, job, 2, None))
    changes = len(world.faults.changes)
    world.run(shard_inputs.prepare(world.objects, job, 2, None))
    assert len(world.faults.changes) == changes


def test_results_are_summed_up_by_image_and_what_is_missing_by_shard(world: World) -> None:
    job = world.create(spec(6))
    world.run(shard_inputs.prepare(world.objects, job, 3, None))
    world.objects.keep(
        s3_keys.results(job.uid, 0),
        lines(outcome(0), outcome(1, code=Code.CORRUPT_IMAGE)) + b'{"index": 1, "sta',
    )
    world.objects.keep(
        s3_keys.results(job.uid, 2), lines(outcome(4, code=Code.NOT_AN_IMAGE), outcome(4), outcome(3))
    )
    found = world.run(result_files.collect(world.objects, job, 1))
    assert (found.counts.succeeded, found.counts.failed) == (2, 1)
    assert found.missing == {1: 2, 2: 1}, "an image in another shard's file does not count"
    assert found.failure_codes == ("corrupt_image",)
    assert (found.bytes_in, found.bytes_out) == (3000, 200)


def test_failures_of_an_earlier_attempt_are_missing_in_a_later_one(world: World) -> None:
    job = world.create(spec(2))
    world.run(shard_inputs.prepare(world.objects, job, 1, None))
    world.objects.keep(s3_keys.results(job.uid, 0), lines(outcome(0), outcome(1, code=Code.CORRUPT_IMAGE)))
    found = world.run(result_files.collect(world.objects, job, 2))
    assert (found.counts.succeeded, found.counts.failed, found.missing) == (1, 0, {0: 1})


def test_a_job_that_was_never_prepared_says_so(world: World) -> None:
    found = world.run(result_files.collect(world.objects, world.create(spec(3)), 1))
    assert (found.prepared, found.missing) == (False, {0: 3})


def test_images_without_an_outcome_are_given_one_by_name(world: World) -> None:
    job = world.create(spec(4))
    world.run(shard_inputs.prepare(world.objects, job, 2, None))
    world.objects.keep(s3_keys.results(job.uid, 0), lines(outcome(0)))
    action = FillMissing(1, Code.INTERNAL_ERROR, "its pod died", {1: Code.OUT_OF_MEMORY})
    world.run(result_files.fill(world.objects, job, action))
    found = world.run(result_files.collect(world.objects, job, 1))
    assert [(each.index, each.name, each.code) for each in found.outcomes.values() if each.code] == [
        (1, "photo-1.jpg", Code.INTERNAL_ERROR),
        (2, "photo-2.jpg", Code.OUT_OF_MEMORY),
        (3, "photo-3.jpg", Code.OUT_OF_MEMORY),
    ]
    assert not found.missing


def test_a_pod_that_still_writes_is_not_overwritten(world: World) -> None:
    job = world.create(spec(2))
    world.run(shard_inputs.prepare(world.objects, job, 1, None))
    get_range = world.objects.get_range

    async def while_a_pod_writes(key: str, start: int, end: int) -> bytes:
        world.objects.keep(s3_keys.results(job.uid, 0), lines(outcome(0), outcome(1)))
        return await get_range(key, start, end)

    world.objects.get_range = while_a_pod_writes  # type: ignore[method-assign]
    with pytest.raises(Conflict):
        world.run(result_files.fill(world.objects, job, FillMissing(1, Code.INTERNAL_ERROR, "its pod died")))
    assert world.run(result_files.collect(world.objects, job, 1)).counts.succeeded == 2


def test_a_storage_that_is_away_is_not_taken_for_missing_results(world: World) -> None:
    job = world.create(spec(1))
    world.faults.away = {"s3"}
    with pytest.raises(Unavailable):
        world.run(result_files.collect(world.objects, job, 1))
