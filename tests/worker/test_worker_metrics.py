"""The metrics of a worker that does real work."""

import asyncio

import pytest

from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Variant
from imagejobs_worker.child.decoder import Decoder
from imagejobs_worker.image.fetch import Fetcher
from imagejobs_worker.image.retry import RetryPolicy
from imagejobs_worker.image.slots import Slots
from imagejobs_worker.image.store import OutputStore
from imagejobs_worker.image.work import ImageWork
from imagejobs_worker.metrics import Metrics
from support.images import broken_decoders, pictures
from support.worker.process import OURS, task

PHOTO = pictures.saved(pictures.photo(160, 120), "jpeg")


class Sources:
    """An object store that has one source and takes all results."""

    def __init__(self, source: bytes) -> None:
        self.source = source

    async def get(self, key, max_bytes):
        return self.source, "etag"

    async def put(self, key, data, **options):
        return "etag"


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(f"imagejobs_{name}", labels) or 0.0


def test_images_and_steps_are_counted_as_they_end():
    metrics = Metrics()

    async def run() -> None:
        decoder = Decoder(Limits(), instruments=metrics)
        await decoder.start()
        try:
            for source in (PHOTO, PHOTO[:100]):
                objects = Sources(source)
                work = ImageWork(
                    Fetcher(objects, None, 10**6), OutputStore(objects), [decoder], RetryPolicy(), metrics
                )
                rendered = await work.render(task(0, key="in/0"), await Slots(1).acquire())
                if source == PHOTO:
                    await work.store(task(0, key="in/0"), rendered, OURS)
        finally:
            await decoder.close()

    asyncio.run(run())
    assert value(metrics, "images_total", code="ok") == 1
    assert sum(value(metrics, "images_total", code=code) for code in ("corrupt_image", "not_an_image")) == 1
    assert value(metrics, "image_bytes_in_total") == len(PHOTO)
    assert [
        value(metrics, "image_step_seconds_count", step=step) for step in ("fetch", "render", "store")
    ] == [2, 2, 1]
    assert value(metrics, "child_recycles_total", reason="failure") == 1


@pytest.mark.parametrize(("owners", "reason"), [(("shop", "blog"), "owner"), (("shop", "shop"), "worn")])
def test_a_child_is_replaced_for_another_owner_or_when_it_is_worn(owners, reason):
    metrics = Metrics()

    async def run() -> None:
        decoder = Decoder(Limits(), recycle_after=2, instruments=metrics)
        await decoder.start()
        try:
            for owner in owners:
                await decoder.render(PHOTO, [Variant(width=40)], owner)
        finally:
            await decoder.close()

    asyncio.run(run())
    assert value(metrics, "child_recycles_total", reason=reason) == 1
    assert value(metrics, "child_recycles_total", reason="failure") == 0


def test_a_crash_is_a_failure():
    metrics = Metrics()

    async def run() -> None:
        decoder = Decoder(Limits(), render="support.images.broken_decoders:by_source", instruments=metrics)
        await decoder.start()
        try:
            with pytest.raises(ImageFailed):
                await decoder.render(broken_decoders.deed("crash"), [Variant()])
        finally:
            await decoder.close()

    asyncio.run(run())
    assert value(metrics, "child_recycles_total", reason="failure") == 1
