"""The reads that a shard begins early, against a real S3.

The objects are deleted before they are asked for, so an answer shows that they were read before.
"""

import asyncio

import pytest

from imagejobs_contract.errors import NotFound, TooLarge
from imagejobs_contract.model.outcome import Outcome
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.shards import Work, cut, offsets_json
from imagejobs_worker.shard.inputs import read_inputs
from imagejobs_worker.shard.prefetch import Prefetch
from imagejobs_worker.shard.prefetched_objects import PrefetchedObjects
from imagejobs_worker.shard.results_file import ResultsFile
from imagejobs_worker.shard.shard_key import ShardKey
from support.servers.data_servers import free_ports
from support.worker.process import JOB, SMALL, UID

SHARD = 1
KEY = ShardKey(JOB, UID, 1, SHARD)
LINES = [b'{"key": "in/a"}\n', b'{"key": "in/b"}\n', b'{"key": "in/c"}\n']
FIRST = "in/b"
"""The first of the second shard."""
LARGEST = 1000


def lay_out(objects, lines=LINES, results=()):
    """Put a job of two shards and its sources into S3."""
    files = {
        s3_keys.spec(UID): Work(SMALL, "outputs/holiday", 3, len(lines)).to_json().encode(),
        s3_keys.offsets(UID): offsets_json(cut([len(line) for line in lines], 2)).encode(),
        s3_keys.manifest(UID): b"".join(lines),
        **{f"in/{name}": name.encode() * 10 for name in "abc"},
    }
    if results:
        files[s3_keys.results(UID, SHARD)] = "".join(f"{each.to_line()}\n" for each in results).encode()

    async def put():
        for key, data in files.items():
            await objects.put(key, data, content_type="application/json")

    asyncio.run(put())


def begun(settings, max_source_bytes=LARGEST):
    """Begin, and wait until all that was begun has ended."""
    prefetch = Prefetch(settings, KEY, max_source_bytes)
    for read in [*prefetch._reads.values()]:
        read.exception(timeout=30)
    for read in [*prefetch._reads.values()]:
        read.exception(timeout=30)
    return PrefetchedObjects(settings, prefetch), prefetch


def remove_all(objects):
    async def remove():
        for prefix in (s3_keys.job(UID), "in/"):
            await objects.delete_prefix(prefix)

    asyncio.run(remove())


def test_a_shard_gets_its_inputs_without_asking_s3_again(objects, s3_settings):
    lay_out(objects)
    early, _ = begun(s3_settings)
    remove_all(objects)
    read = asyncio.run(read_inputs(early, KEY))
    assert [task.item.key for task in read.tasks] == ["in/b", "in/c"]
    assert asyncio.run(early.get(FIRST, LARGEST))[0] == b"b" * 10


def test_what_was_read_early_is_handed_out_once(objects, s3_settings):
    lay_out(objects)
    early, _ = begun(s3_settings)
    remove_all(objects)
    asyncio.run(early.get(s3_keys.spec(UID), LARGEST))
    with pytest.raises(NotFound):
        asyncio.run(early.get(s3_keys.spec(UID), LARGEST))


def test_the_results_of_an_earlier_pod_come_with_the_version_to_write_over(objects, s3_settings):
    lay_out(objects, results=[Outcome(1, "b", 1)])
    early, prefetch = begun(s3_settings)
    assert prefetch.take(FIRST) is None, "an earlier pod has done the first image"

    async def scenario():
        results = await ResultsFile.open(early, UID, SHARD, 1)
        results.add([Outcome(2, "c", 1)])
        await results.save()
        return [each.index for each in results.ended]

    assert asyncio.run(scenario()) == [1, 2]


@pytest.mark.parametrize(
    "first",
    [
        b'{"url": "https://example.com/b"}\n',
        b"broken\n",
        b'{"key": "in/b", "url": "https://example.com/b"}\n',
    ],
)
def test_only_a_key_is_read_early(objects, s3_settings, first):
    lay_out(objects, [LINES[0], first, LINES[2]])
    assert set(begun(s3_settings)[1]._reads) == {
        s3_keys.spec(UID),
        s3_keys.offsets(UID),
        s3_keys.manifest(UID),
        s3_keys.results(UID, SHARD),
    }


def test_a_source_that_may_lie_elsewhere_is_not_read(objects, s3_settings):
    lay_out(objects)
    assert begun(s3_settings, 0)[1].take(FIRST) is None


def test_a_source_is_read_up_to_the_limit(objects, s3_settings):
    lay_out(objects)
    early, _ = begun(s3_settings, 9)
    with pytest.raises(TooLarge, match="10 bytes, more than 9"):
        asyncio.run(early.get(FIRST, 9))


def test_what_s3_did_not_answer_is_asked_again(objects, s3_settings):
    early, _ = begun(s3_settings._replace(endpoint=f"http://127.0.0.1:{free_ports(['s3'])['s3']}"))
    lay_out(objects)
    early._store = objects._store
    assert asyncio.run(read_inputs(early, KEY)).count == 2


def test_who_stops_waiting_for_a_read_does_not_end_it(objects, s3_settings):
    lay_out(objects)
    prefetch = Prefetch(s3_settings, KEY, LARGEST)
    early = PrefetchedObjects(s3_settings, prefetch)
    read = prefetch._reads[s3_keys.spec(UID)]

    async def scenario():
        waiting = asyncio.create_task(early.get(s3_keys.spec(UID), LARGEST))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(scenario())
    assert b"holiday" in read.result(30)[0]
