"""An API has the jobs of its class; another one's are as good as none, whatever its callers' names."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
import pytest

from imagejobs_api.listing.class_store import ClassStore
from imagejobs_contract.errors import NotFound
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import CallerName, JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.stores.sqlite import SqliteStore
from support.api.process import Api, environ

CLASSES = (None, "shop", "blog")
BOB = CallerName("bob")


def key(class_name: str | None) -> JobKey:
    return JobKey("default", f"of-{class_name or 'none'}")


def play(path: Path, scenario: Callable[[dict[str | None, ClassStore]], Awaitable[None]]) -> None:
    """Run a scenario with a store of each class over one file, each with a job of bob's."""

    async def run() -> None:
        stores = {each: ClassStore(SqliteStore(path / "jobs.db"), each) for each in CLASSES}
        for each, store in stores.items():
            made = ImageJob(key(each), Spec(items=(Item("a", "a"),)), labels={names.LABEL_CALLER: BOB})
            assert (await store.create(made)).spec.class_name == each
        await scenario(stores)
        for store in stores.values():
            await store.close()

    asyncio.run(run())


def test_a_job_is_found_listed_and_changed_in_its_class_only(tmp_path: Path) -> None:
    async def scenario(stores: dict[str | None, ClassStore]) -> None:
        for own, store in stores.items():
            assert [each.key for each in (await store.list(None)).jobs] == [key(own)]
            assert [each.key for each in (await store.list("default", caller=BOB)).jobs] == [key(own)]
            assert (await store.get(key(own), caller=BOB)).key == key(own)
            for other in set(CLASSES) - {own}:
                with pytest.raises(NotFound):
                    await store.get(key(other), caller=BOB)
                with pytest.raises(NotFound):
                    await store.change_spec(key(other), lambda spec: spec)
            assert (await store.change_spec(key(own), lambda spec: spec)).key == key(own)

    play(tmp_path, scenario)


def test_a_watch_delivers_the_jobs_of_its_class_only(tmp_path: Path) -> None:
    async def scenario(stores: dict[str | None, ClassStore]) -> None:
        for own, store in stores.items():
            seen = {}
            async for event in store.watch():
                if event is None:
                    break
                seen[event.key] = event.job is not None
            assert [each for each, there in seen.items() if there] == [key(own)]

    play(tmp_path, scenario)


def test_an_api_finds_no_job_of_another_class(tmp_path: Path, redis_url: str, s3_settings) -> None:
    told = environ(tmp_path / "jobs.db", redis_url, s3_settings)
    shop, blog = (Api(told | {"CLASS_NAME": each}) for each in ("shop", "blog"))
    try:
        body = {"items": [{"url": "https://example.org/a.jpg"}], "variants": [{}]}
        headers = {"Idempotency-Key": "once"}
        made = [
            httpx2.post(f"{each.url}/api/jobs", json=body, headers=headers, timeout=30)
            for each in (shop, blog)
        ]
        assert [each.status_code for each in made] == [202, 202], made[0].text
        first, second = (each.json()["job_id"] for each in made)
        assert first != second
        found = {
            (api.url, name): httpx2.get(f"{api.url}/api/jobs/{name}", timeout=30).status_code
            for api in (shop, blog)
            for name in (first, second)
        }
        assert [*found.values()] == [200, 404, 404, 200]
        listed = [httpx2.get(f"{each.url}/api/jobs", timeout=30).json()["jobs"] for each in (shop, blog)]
        assert [[each["job_id"] for each in page] for page in listed] == [[first], [second]]
        assert httpx2.post(f"{blog.url}/api/jobs/{first}/cancel", timeout=30).status_code == 404
        assert httpx2.delete(f"{blog.url}/api/jobs/{first}", timeout=30).status_code == 404
    finally:
        shop.stop()
        blog.stop()
