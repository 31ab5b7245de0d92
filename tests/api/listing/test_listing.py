"""`GET /api/jobs` follows the store, whoever writes it, and is not asked of it."""

import asyncio
import contextlib
import json
import time
from dataclasses import replace

import httpx2
import pytest

from imagejobs_api.callers import api_keys
from imagejobs_api.listing.index import Index
from imagejobs_api.listing.reflector import STALE_SECONDS, Reflector
from imagejobs_contract.errors import Unavailable
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import State, Status
from imagejobs_contract.stores.sqlite import SqliteStore
from support.api.client import ASYNC
from support.api.forms import JPEG
from support.api.process import Api
from support.clock.waiting import eventually, until


def new(name: str, namespace: str = "default") -> ImageJob:
    return ImageJob(JobKey(namespace, name), Spec(items=(Item("a.jpg", "photos/a.jpg"),)))


def follow(store, scenario, most: int = 100):
    """Run a scenario beside a follower."""

    async def play():
        index = Index(most)
        follower = Reflector(store, index, ["default"])
        following = asyncio.create_task(follower.run())
        try:
            await asyncio.wait_for(scenario(index, follower), 30)
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
            await store.close()

    asyncio.run(play())


def named(index: Index, state: State | None = None) -> list[str]:
    return [job.key.name for job in index.page("default", "", state, 100, None).jobs]


def test_the_index_follows_existing_created_changed_and_deleted_jobs(tmp_path):
    store, other = SqliteStore(tmp_path / "jobs.db"), SqliteStore(tmp_path / "jobs.db")

    async def scenario(index: Index, follower: Reflector) -> None:
        await until(lambda: follower.has_synced)
        created = await other.create(new("a"))
        await until(lambda: named(index) == ["a"])
        await other.put_status(created, Status(state=State.RUNNING))
        await until(lambda: named(index, State.RUNNING) == ["a"])
        await other.delete(created.key)
        await until(lambda: named(index) == [])
        await other.close()

    follow(store, scenario)


def test_it_is_not_ready_before_all_that_was_there_is_read(tmp_path):
    store = SqliteStore(tmp_path / "jobs.db")

    async def scenario(index: Index, follower: Reflector) -> None:
        assert not follower.covers("default")
        await until(lambda: follower.has_synced)
        assert len(index) == 300
        assert follower.covers("default")
        assert not follower.covers("elsewhere")

    async def fill() -> None:
        filler = SqliteStore(tmp_path / "jobs.db")
        for n in range(300):
            await filler.create(new(f"j{n}"))
        await filler.close()

    asyncio.run(fill())
    follow(store, scenario, 1000)


def test_a_list_that_was_not_confirmed_lately_is_stale(tmp_path):
    ahead = 0.0

    async def play() -> None:
        nonlocal ahead
        store = SqliteStore(tmp_path / "jobs.db")
        follower = Reflector(store, Index(10), ["default"], lambda: time.monotonic() + ahead)
        following = asyncio.create_task(follower.run())
        await until(lambda: follower.covers("default"))
        ahead = STALE_SECONDS
        assert not follower.covers("default")
        await store.create(new("a"))
        await until(lambda: follower.covers("default"))
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await store.close()

    asyncio.run(play())


class Flaky(SqliteStore):
    """A store that breaks its feed when told to."""

    broken = False

    async def watch(self):
        async for seen in super().watch():
            if self.broken:
                self.broken = False
                raise Unavailable("away")
            yield seen


def test_after_a_failed_watch_jobs_deleted_meanwhile_leave_the_index(tmp_path):
    store, other = Flaky(tmp_path / "jobs.db"), SqliteStore(tmp_path / "jobs.db")

    async def scenario(index: Index, follower: Reflector) -> None:
        await until(lambda: follower.has_synced)
        for name in ("a", "b"):
            await other.create(new(name))
        await until(lambda: len(index) == 2)
        store.broken = True
        await other.delete(JobKey("default", "a"))
        await until(lambda: not follower.has_synced)
        await other.delete(JobKey("default", "b"))
        await until(lambda: follower.has_synced and len(index) == 0)
        await other.close()

    follow(store, scenario)


def test_another_process_lists_a_job(service):
    second = Api(service.environ)
    try:
        made = service.client.job_id()
        eventually(
            lambda: (
                made
                in [
                    job["job_id"]
                    for job in httpx2.get(f"{second.url}/api/jobs?state=Succeeded").json()["jobs"]
                ]
            )
        )
    finally:
        second.stop()


def test_the_next_list_shows_a_job_that_was_created_or_deleted(service):
    service.worker.pause()
    for _ in range(10):
        made = service.client.job_id(headers=ASYNC)
        assert service.http.get("/api/jobs?limit=1").json()["jobs"][0]["job_id"] == made
        service.http.delete(f"/api/jobs/{made}")
        assert made not in [each["job_id"] for each in service.http.get("/api/jobs?limit=5").json()["jobs"]]


def test_a_page_begun_in_one_process_goes_on_in_another(service):
    for _ in range(4):
        service.client.post_image()
    second = Api(service.environ)
    try:
        whole = [each["job_id"] for each in service.http.get("/api/jobs?limit=4").json()["jobs"]]
        cursor = service.http.get("/api/jobs?limit=2").json()["next_cursor"]
        eventually(lambda: httpx2.get(f"{second.url}/api/jobs?cursor={cursor}").status_code == 200)
        rest = [
            each["job_id"]
            for each in httpx2.get(f"{second.url}/api/jobs?limit=2&cursor={cursor}").json()["jobs"]
        ]
        assert rest == whole[2:]
    finally:
        second.stop()


def test_the_list_has_a_bound_beyond_which_jobs_are_found_by_id(service):
    made = [service.client.job_id() for _ in range(4)]
    api = Api(service.environ | {"MAX_LISTED_JOBS": "3"})
    try:
        eventually(lambda: len(httpx2.get(f"{api.url}/api/jobs").json()["jobs"]) == 3)
        assert [each["job_id"] for each in httpx2.get(f"{api.url}/api/jobs").json()["jobs"]] == made[:0:-1]
        assert httpx2.get(f"{api.url}/api/jobs/{made[0]}").status_code == 200
    finally:
        api.stop()


@pytest.mark.parametrize("limit", ["queued_images", "pool_images"])
def test_a_caller_with_too_many_open_images_is_refused_until_some_end(service, tmp_path, limit):
    images = 2
    key = api_keys.new_key()
    file = tmp_path / "callers.json"
    entry = {"name": "eager", "keys": [{"sha256": api_keys.digest(key)}], "limits": {limit: images}}
    file.write_text(json.dumps({"callers": [entry]}))
    api = Api(service.environ | {"CALLERS_FILE": str(file)})
    service.worker.pause()
    try:

        def post() -> httpx2.Response:
            headers = {"Authorization": f"Bearer {key}", "Prefer": "respond-async"}
            return httpx2.post(f"{api.url}/api/resize", files={"image": ("a.jpg", JPEG)}, headers=headers)

        assert [post().status_code for _ in range(images + 1)] == [202] * images + [429]
        assert post().json()["code"] == "queue_full"
        service.worker.resume()
        eventually(lambda: post().status_code == 202)
    finally:
        api.stop()


def test_trimming_keeps_the_fields_that_the_list_shows():
    job = replace(new("a"), uid="1")
    index = Index(10)
    index.put(job)
    (kept,) = index.page("default", "", None, 1, None).jobs
    assert (kept.key, kept.uid, kept.spec.total, kept.status.state) == (job.key, "1", 1, State.PENDING)
