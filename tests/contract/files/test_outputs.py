"""Which files go when a job's outputs are deleted."""

import asyncio
from dataclasses import replace

import pytest

from imagejobs_contract.files.outputs import delete_outputs, delete_own
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey, Uid
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import Outcome, OutputFile
from imagejobs_contract.model.spec import Output, Spec
from imagejobs_contract.s3.objects import S3Objects

OWN, ANOTHER = Uid("00000000-0000-4000-8000-000000000001"), Uid("00000000-0000-4000-8000-000000000002")
JOB = ImageJob(JobKey("team-a", "nightly"), Spec((Item("a.jpg", "in/a"), Item("b.jpg", "in/b"))), uid=OWN)
SHOP = replace(JOB, spec=replace(JOB.spec, output=Output("shop/")))


@pytest.fixture
def objects(s3_settings):
    return S3Objects(s3_settings)


def outcome(index, *keys):
    return Outcome(index, "", outputs=tuple(OutputFile("default", key, 1, 1, Format.JPEG, 1) for key in keys))


def store(objects, **made_by):
    """Store objects, given as their keys and the uids of the jobs that made them."""
    for key, uid in made_by.items():
        metadata = {"uid": uid} if uid else {}
        asyncio.run(objects.put(key, b"x", content_type="image/jpeg", metadata=metadata))


def left(objects):
    async def listed():
        return [
            each.key
            for folder in ("outputs/", "shop/")
            async for page in objects.list(folder)
            for each in page
        ]

    return sorted(asyncio.run(listed()))


def delete(objects, job, *pieces):
    async def outcomes():
        for piece in pieces:
            yield iter(piece)

    return asyncio.run(delete_outputs(objects, job, outcomes()))


def test_under_a_prefix_with_the_jobs_uid_all_goes_and_nothing_of_a_namesake(objects):
    of_namesakes = {
        f"outputs/team-b.nightly.{OWN}/a.jpg": OWN,  # another namespace, even with the same uid
        f"outputs/team-a.nightly.{ANOTHER}/a.jpg": ANOTHER,  # another release, or the next one of that name
        f"outputs/team-a.nightly-2.{OWN}/a.jpg": ANOTHER,
    }
    store(objects, **of_namesakes, **{f"{JOB.prefix}/a.jpg": OWN, f"{JOB.prefix}/late.jpg": ""})
    assert delete(objects, JOB, [outcome(0, f"{JOB.prefix}/a.jpg")]) == set()
    assert left(objects) == sorted(of_namesakes)


def test_outputs_under_the_name_alone_as_the_last_release_put_them_go_with_the_job_that_made_them(objects):
    theirs = {
        "outputs/nightly/b.jpg": ANOTHER,
        "outputs/nightly/by-hand.jpg": "",
        "outputs/nightly-2/a.jpg": OWN,
    }
    store(objects, **theirs, **{"outputs/nightly/a.jpg": OWN})
    delete(objects, JOB)
    assert left(objects) == sorted(theirs)


def test_under_a_prefix_that_a_user_chose_only_what_the_outcomes_name_and_the_job_made_goes(objects):
    theirs = {"shop/replaced.jpg": ANOTHER, "shop/by-hand.jpg": "", "shop/unnamed.jpg": OWN}
    store(objects, **theirs, **{"shop/a.jpg": OWN, "shop/a-small.webp": OWN, "shop/7.jpg": OWN})
    named = delete(
        objects,
        SHOP,
        [outcome(0, "shop/a.jpg", "shop/a-small.webp", "shop/replaced.jpg"), outcome(1)],
        [outcome(7, "shop/7.jpg", "shop/by-hand.jpg", "shop/gone.jpg")],
    )
    assert named == {0}
    assert left(objects) == sorted(theirs)


def test_more_objects_than_are_looked_at_at_once_all_go(objects):
    keys = [f"shop/{n}.jpg" for n in range(70)]
    store(objects, **dict.fromkeys(keys, OWN))
    asyncio.run(delete_own(objects, OWN, iter(keys)))
    assert left(objects) == []
