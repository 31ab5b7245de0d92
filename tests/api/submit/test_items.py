"""Lists of images: distinct names in bounded memory, streamed into a manifest, with a maximum length."""

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from imagejobs_api.submit.distinct_names import FILTER_BITS, BloomNames
from imagejobs_api.submit.items import ItemCollector
from imagejobs_api.submit.job_request import JobRequest
from imagejobs_contract.errors import Invalid
from imagejobs_contract.model import limits, output_names
from imagejobs_contract.model.items import Item, read_line
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_contract.wire import source_prefixes


@pytest.fixture
def objects(s3_settings):
    return S3Objects(s3_settings)


def gather(objects, **given):
    request = JobRequest(Spec(), given.get("items", ()), given.get("prefix"), None, "")
    return asyncio.run(ItemCollector(objects, 10**6).collect(request, "uploads/x/manifest.jsonl"))


def test_equal_names_are_numbered_by_their_place_and_no_two_results_have_one_key():
    apart = BloomNames()
    wanted = ["a.jpg", "b.jpg", "a.png", "A.jpg", "a-2.jpg", "", "5", "日本.jpg", "a.jpg"]
    given = [apart.assign(n, name) for n, name in enumerate(wanted)]
    assert given[:5] == ["a.jpg", "b.jpg", "a-3.png", "A-4.jpg", "a-2.jpg"]
    stems = [output_names.safe_stem(name).lower() or str(n) for n, name in enumerate(given)]
    assert len(set(stems)) == len(stems)


def test_names_are_kept_apart_in_four_megabytes():
    tracemalloc.start()
    apart = BloomNames()
    given = sum(apart.assign(n, f"folder/{n}.jpg") != f"folder/{n}.jpg" for n in range(20_000))
    assert given == 0
    assert tracemalloc.get_traced_memory()[1] < FILTER_BITS // 8 + 10**6
    tracemalloc.stop()


def test_a_list_of_more_than_an_imagejob_holds_is_streamed(objects):
    images = gather(objects, items=tuple(Item("a.jpg", f"photos/{n}.jpg") for n in range(1234)))
    lines = asyncio.run(objects.get("uploads/x/manifest.jsonl", 10**6))[0].splitlines()
    assert (images.items, images.manifest.count, len(lines)) == ((), 1234, 1234)
    assert json.loads(lines[1233]) == {"name": "a-1234.jpg", "key": "photos/1233.jpg"}


def test_others_have_their_turn_while_a_long_list_is_made():
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)  # a turn of the loop

    async def make() -> None:
        beside = asyncio.create_task(others())
        request = JobRequest(
            Spec(), tuple(Item("a.jpg", f"photos/{n}.jpg") for n in range(20_000)), None, None, ""
        )
        await ItemCollector(Sink(), 10**6).collect(request, "list")  # type: ignore[arg-type]  # no more is asked of it
        beside.cancel()

    asyncio.run(make())
    assert turns >= 20_000 / 250


class Sink:
    """Takes what is put."""

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        return sum([len(chunk) async for chunk in chunks])


@pytest.mark.parametrize("most", [600, 90_000], ids=["in the first part", "in a later part"])
def test_too_long_a_list_is_refused_and_leaves_nothing(objects, monkeypatch, most):
    monkeypatch.setattr(limits, "MAX_MANIFEST_ITEMS", most)
    with pytest.raises(Invalid, match=f"holds more than {most} images"):
        gather(objects, items=tuple(Item("a.jpg", f"photos/{n}.jpg") for n in range(most + 1)))
    assert asyncio.run(objects.head("uploads/x/manifest.jsonl")) is None


def test_a_folder_of_some_thousand_keys_is_listed_page_by_page(objects):
    async def put():
        for start in range(0, 2100, 100):
            await asyncio.gather(
                *(
                    objects.put(f"photos/{n:04}.jpg", b"x", content_type="image/jpeg")
                    for n in range(start, start + 100)
                )
            )

    asyncio.run(put())
    assert gather(objects, prefix="photos/").manifest.count == 2100
    lines = asyncio.run(objects.get("uploads/x/manifest.jsonl", 10**6))[0].splitlines()
    assert [json.loads(line)["name"] for line in lines] == [f"{n:04}.jpg" for n in range(2100)]


STRANGE = ("photos/2026//b.jpg", "photos/./c.jpg", "photos/x\x01y.jpg", "photos/a\\b.jpg", "photos/full/")


@pytest.mark.parametrize("more", [0, 600], ids=["items", "manifest"])
def test_strange_keys_stay_in_a_prefix_job_and_fail_by_themselves(moto_settings, moto_bucket_maker, more):
    """SeaweedFS folds slashes, so that only moto can show them."""
    for key in ("photos/good.jpg", "photos/", *STRANGE, *(f"photos/{n}.jpg" for n in range(more))):
        moto_bucket_maker.put_object(
            Bucket=moto_settings.bucket, Key=key, Body=b"" if key == "photos/" else b"x"
        )
    objects = S3Objects(moto_settings)
    images = gather(objects, prefix="photos/")
    if more:
        lines = asyncio.run(objects.get("uploads/x/manifest.jsonl", 10**6))[0].splitlines()
        items = [read_line(line) for line in lines]
    else:
        items = list(images.items)
    assert len(items) == more + 1 + len(STRANGE)
    by_key = {each.key: each.name for each in items}
    assert by_key["photos/good.jpg"] == "good.jpg"
    unread = {key for key in by_key if not source_prefixes.names_object(key)}
    assert unread == {*STRANGE} - {"photos/x\x01y.jpg"} | {"photos/./x%01y.jpg"}
    assert by_key["photos/./x%01y.jpg"] == "x%01y.jpg"
