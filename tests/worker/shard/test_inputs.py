import asyncio

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.model.items import Item, read_line
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.shards import Slice, Work, cut, offsets_json
from imagejobs_worker.shard.inputs import InputUnreadable, read_inputs
from imagejobs_worker.shard.shard_key import ShardKey
from support.worker.process import JOB, SMALL, UID

SPEC = Work(SMALL, "outputs/holiday", 3, 5, "max-age=60").to_json()
LINES = [
    b'{"name": "a.jpg", "key": "in/a"}\n',
    b'{"url": "https://example.com/b"}\n',
    b'{"key": ""}\n',
    b"broken\n",
    b'{"key": "in/e"}\n',
]


def lay_out(objects, lines=LINES, offsets=None, spec=SPEC):
    """Put a job of two shards into S3."""
    slices = offsets_json(cut([len(line) for line in lines], 2)) if offsets is None else offsets

    async def put():
        for key, text in (
            (s3_keys.spec(UID), spec.encode()),
            (s3_keys.offsets(UID), slices.encode()),
            (s3_keys.manifest(UID), b"".join(lines)),
        ):
            await objects.put(key, text, content_type="application/json")

    asyncio.run(put())


def inputs(objects, shard):
    return asyncio.run(read_inputs(objects, ShardKey(JOB, UID, 2, shard)))


def test_a_shard_reads_its_own_lines_only(objects):
    lay_out(objects)
    first, second = inputs(objects, 0), inputs(objects, 1)
    assert [(task.index, task.item) for task in first.tasks] == [
        (0, Item("a.jpg", "in/a")),
        (1, Item("", None, "https://example.com/b")),
    ]
    assert [task.index for task in second.tasks] == [4]
    assert (first.count, second.count, first.total) == (2, 3, 5)


def test_blank_lines_in_a_slice_are_no_images(objects):
    lines = [b'\r\n{"key": "in/a"}\r\n', b'\n \n{"key": "in/b"}\n', b'\n{"key": "in/c"}']
    lay_out(objects, [*lines, b"\n\n"], offsets_json(cut([len(line) for line in lines], 2)))
    first, second = inputs(objects, 0), inputs(objects, 1)
    assert [(task.index, task.item.key) for task in (*first.tasks, *second.tasks)] == [
        (0, "in/a"),
        (1, "in/b"),
        (2, "in/c"),
    ]
    assert (first.bad, second.bad) == ((), ())


def test_a_task_carries_what_the_spec_says(objects):
    lay_out(objects)
    task = inputs(objects, 0).tasks[0]
    assert (task.key, task.uid, task.attempt, task.attempts) == (JOB, UID, 2, 3)
    assert (task.variants, task.prefix, task.cache_control) == (SMALL, "outputs/holiday", "max-age=60")


def test_a_bad_line_is_that_images_failure_only(objects):
    lay_out(objects)
    assert [(each.index, each.code, each.attempt) for each in inputs(objects, 1).bad] == [
        (2, Code.INVALID_OPTIONS, 2),
        (3, Code.INVALID_OPTIONS, 2),
    ]


@pytest.mark.parametrize(
    ("line", "part"),
    [(b"[]", "not an object"), (b"x", "not JSON"), (b'{"name": "x"}', "key or url"),
     (b'{"key": "a", "url": "http://b/"}', "key or url"),
     (b'{"key": "a", "size": 1}', "unknown"), (b"\xff", "not JSON"), (b"", "not JSON")],
)  # fmt: skip
def test_what_is_wrong_with_a_line_is_said(line, part):
    assert part in read_line(line)


@pytest.mark.parametrize(
    "broken",
    [
        {"spec": "{"},
        {"spec": '{"variants": 3}'},
        {"offsets": "x"},
        {"offsets": "[]"},
        {"offsets": "[[0, 33, 0]]"},
        {"offsets": offsets_json([Slice(0, 33, 0, 2), Slice(33, 100, 2, 3)])},
    ],
    ids=[
        "spec cut",
        "spec of another shape",
        "offsets cut",
        "no such shard",
        "offsets of another shape",
        "fewer lines than promised",
    ],
)
def test_inputs_that_make_no_sense_are_unreadable(objects, broken):
    lay_out(objects, **broken)
    with pytest.raises(InputUnreadable):
        inputs(objects, 0)


def test_inputs_that_are_not_there_are_unreadable(objects):
    with pytest.raises(InputUnreadable):
        inputs(objects, 0)
