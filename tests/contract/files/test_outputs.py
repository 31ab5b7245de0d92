"""Which files go when a job's outputs are deleted."""

import asyncio
from dataclasses import replace

from imagejobs_contract.files.outputs import delete_outputs
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import Outcome, OutputFile
from imagejobs_contract.model.spec import Output, Spec

JOB = ImageJob(JobKey("default", "jx"), Spec((Item("a.jpg", "in/a"), Item("b.jpg", "in/b"))))


class Bucket:
    def __init__(self):
        self.deleted = []
        self.prefixes = []

    async def delete(self, keys):
        self.deleted += keys

    async def delete_prefix(self, prefix):
        self.prefixes.append(prefix)


def outcome(index, *keys):
    return Outcome(index, "", outputs=tuple(OutputFile("default", key, 1, 1, Format.JPEG, 1) for key in keys))


def deleted(job, *pieces):
    bucket = Bucket()

    async def outcomes():
        for piece in pieces:
            yield iter(piece)

    return asyncio.run(delete_outputs(bucket, job, outcomes())), bucket


def test_under_its_own_prefix_all_goes_without_a_look_at_the_outcomes():
    named, bucket = deleted(JOB, [outcome(0, "outputs/jx/a.jpg")])
    assert (named, bucket.deleted, bucket.prefixes) == (set(), [], ["outputs/jx/"])


def test_under_a_prefix_that_a_user_chose_only_what_the_outcomes_name_goes():
    job = replace(JOB, spec=replace(JOB.spec, output=Output("shop/")))
    named, bucket = deleted(
        job, [outcome(0, "shop/a.jpg", "shop/a-small.webp"), outcome(1)], [outcome(7, "shop/7.jpg")]
    )
    assert named == {0}
    assert bucket.prefixes == []
    assert bucket.deleted == ["shop/a.jpg", "shop/a-small.webp", "shop/7.jpg"]
