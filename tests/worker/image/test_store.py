import asyncio
from dataclasses import replace

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Conflict, ImageFailed, Misconfigured, NotFound
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.options import Format, Variant
from imagejobs_contract.model.outcome import OutputFile
from imagejobs_contract.model.placeholder import Placeholder
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_worker.image.store import OutputStore, OwnershipLost, rule_digest
from imagejobs_worker.imaging.picture import Picture
from support.worker.process import OURS, FixedOwnership, task

VARIANT = Variant(width=16)
TASK = task(3, key="uploads/x/3", cache_control="max-age=60")
KEY = "outputs/holiday/photo-3.jpg"
PICTURE = Picture("default", b"first bytes", 16, 12, Format.JPEG, False)


ZOMBIES = FixedOwnership(verified=False)


def put(objects, a_task=TASK, picture=PICTURE, variant=VARIANT, ownership=OURS):
    return asyncio.run(OutputStore(objects).put_output(a_task, variant, picture, 1234, ownership))


def stored(objects, key=KEY):
    return asyncio.run(objects.get(key, 10**6))[0]


def test_a_result_lies_under_its_key_and_tells_its_facts(objects):
    assert put(objects) == OutputFile("default", KEY, 16, 12, Format.JPEG, len(PICTURE.data))
    facts = asyncio.run(objects.head(KEY))
    assert facts.metadata == {
        "uid": TASK.uid, "index": "3", "rule": rule_digest(VARIANT), "width": "16", "height": "12",
        "format": "jpeg", "kept": "0", "bytes-in": "1234",
    }  # fmt: skip


def test_a_repeated_task_takes_the_facts_that_are_there_and_overwrites_nothing(objects):
    kept = replace(PICTURE, kept_original=True)
    first = put(objects, picture=kept)
    again = put(
        objects, picture=replace(PICTURE, data=b"other bytes of a later run", width=99), ownership=ZOMBIES
    )
    assert again == first
    assert stored(objects) == PICTURE.data


def test_a_placeholder_is_kept_beside_the_result(objects):
    shown = Placeholder("PwgCBwBoeix4eHeHiPiHeIeHBQAAAAAA", "#0a78c8")
    first = put(objects, picture=replace(PICTURE, placeholder=shown))
    assert first.placeholder == shown
    assert put(objects, ownership=ZOMBIES) == first


def test_the_result_of_an_earlier_job_with_the_same_prefix_is_replaced(objects):
    put(objects, replace(TASK, uid="an-earlier-job"))
    put(objects, picture=replace(PICTURE, data=b"of the later job"))
    assert stored(objects) == b"of the later job"


def test_an_object_that_is_not_ours_at_all_is_replaced(objects):
    asyncio.run(objects.put(KEY, b"by hand", content_type="image/jpeg"))
    put(objects)
    assert stored(objects) == PICTURE.data


def test_a_zombie_replaces_nothing_of_a_later_job(objects):
    put(objects, replace(TASK, uid="a-later-job"))
    with pytest.raises(OwnershipLost):
        put(objects, picture=replace(PICTURE, data=b"zombie"), ownership=ZOMBIES)
    assert stored(objects) == PICTURE.data


def test_work_that_was_taken_from_us_is_not_stored_at_all(objects):
    with pytest.raises(OwnershipLost):
        put(objects, ownership=FixedOwnership(may_create=False))
    assert asyncio.run(objects.head(KEY)) is None


def test_two_images_of_one_job_with_one_key_are_the_jobs_fault(objects):
    put(objects)
    with pytest.raises(ImageFailed, match="image 3 of this job has the same result key") as caught:
        put(objects, replace(TASK, index=4))
    assert caught.value.code is Code.INVALID_OPTIONS
    assert stored(objects) == PICTURE.data


def test_of_many_at_once_one_writes_and_all_tell_the_same(objects):
    async def race():
        store = OutputStore(objects)
        return await asyncio.gather(
            *(
                store.put_output(TASK, VARIANT, replace(PICTURE, data=b"x" * (n + 1)), 1, OURS)
                for n in range(8)
            )
        )

    ends = asyncio.run(race())
    assert len(set(ends)) == 1
    assert len(stored(objects)) == ends[0].bytes


def test_a_key_that_others_keep_changing_ends_as_a_storage_error():
    class Contended:
        async def put(self, key, data, **options):
            raise Conflict

        async def head(self, key):
            return None

    with pytest.raises(ImageFailed) as caught:
        put(Contended())
    assert caught.value.code is Code.STORAGE_ERROR


def test_a_storage_that_is_away_is_a_storage_error(s3_settings):
    nobody = s3_settings._replace(endpoint="http://127.0.0.1:9")
    with pytest.raises(ImageFailed) as caught:
        put(S3Objects(nobody))
    assert caught.value.code is Code.STORAGE_ERROR


def test_a_missing_bucket_is_a_fault_of_our_settings():
    class Missing:
        """SeaweedFS makes a bucket with its first object; others say 404."""

        async def put(self, key, data, **options):
            raise NotFound

    with pytest.raises(Misconfigured):
        put(Missing())


def test_variants_and_unnamed_items_have_keys_of_their_own(objects):
    unnamed = replace(TASK, item=Item(key="uploads/x/3"))
    large = Variant("large", width=640)
    keys = [put(objects, unnamed).key, put(objects, unnamed, variant=large).key]
    assert keys == ["outputs/holiday/3.jpg", "outputs/holiday/3-large.jpg"]


def test_the_rule_changes_with_every_option_and_only_then():
    rules = {
        rule_digest(each)
        for each in (
            Variant(),
            Variant(width=1),
            Variant(height=1),
            Variant(quality=1),
            Variant("a"),
            Variant(format=Format.PNG),
        )
    }
    assert len(rules) == 6
    assert rule_digest(Variant(width=1)) == rule_digest(Variant(width=1))
