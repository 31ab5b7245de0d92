"""A job costs its reader the same whatever its size, and tells a stranger nothing."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from imagejobs_contract.errors import NotFound
from imagejobs_contract.model import names, spec_json
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import CallerName, JobKey
from imagejobs_contract.model.options import Variant
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.stores import spec_cache
from imagejobs_contract.stores.spec_cache import SpecCache
from imagejobs_contract.stores.sqlite import SqliteStore

LARGE = Spec(
    items=tuple(Item(f"{n}.jpg", f"photos/{n}.jpg") for n in range(500)),
    variants=tuple(Variant(name=f"v{n}") for n in range(16)),
)


def job(name: str, spec: Spec = LARGE) -> ImageJob:
    return ImageJob(JobKey("default", name), spec, labels={names.LABEL_CALLER: "bob"})


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The images that were read from JSON since the test cleared the list."""
    read: list[str] = []
    read_item = spec_json.read_item

    def noted(reader: object) -> Item:
        item = read_item(reader)  # type: ignore[arg-type]
        read.append(item.name)
        return item

    monkeypatch.setattr(spec_json, "read_item", noted)
    return read


def test_the_images_of_a_job_are_read_once(tmp_path: Path, counted: list[str]):
    async def scenario() -> None:
        store = SqliteStore(tmp_path / "jobs.sqlite")
        created = await store.create(job("large"))
        first = await store.get(created.key)
        counted.clear()
        for _ in range(3):
            assert await store.get(created.key) == first
        assert counted == []
        changed = await store.change_spec(created.key, lambda spec: replace(spec, suspend=True))
        assert (await store.get(created.key)).spec == changed.spec
        await store.close()

    asyncio.run(scenario())


def test_nothing_of_another_callers_job_is_read(tmp_path: Path, counted: list[str]):
    async def scenario() -> None:
        store = SqliteStore(tmp_path / "jobs.sqlite")
        key = (await store.create(job("large"))).key
        counted.clear()
        for name in ("large", "unknown"):
            with pytest.raises(NotFound):
                await store.get(JobKey(key.namespace, name), caller=CallerName("alice"))
        assert counted == []
        assert (await store.get(key, caller=CallerName("bob"))).spec == LARGE
        await store.close()

    asyncio.run(scenario())


def test_a_few_large_specs_are_kept_and_the_oldest_goes(counted: list[str]):
    specs = SpecCache()
    bodies = [
        replace(job(f"j{n}"), uid=names.Uid(f"u{n}")).to_body()
        for n in range(spec_cache.MAX_IMAGES // 516 + 2)
    ]
    for body in bodies:
        specs.read_job(body)
    counted.clear()
    specs.read_job(bodies[-1])
    assert counted == []
    specs.read_job(bodies[0])
    assert len(counted) == 500
