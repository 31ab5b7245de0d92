"""Jobs made with kubectl, read over HTTP by a caller that was given them, and by nobody else.

API server, operator, workers, Redis and bucket are real; the callers have keys of their own.
"""

import asyncio
import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
import pytest

from imagejobs_api.callers import api_keys
from imagejobs_contract.model import names
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.names import JobKey, Uid
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import Outcome, OutputFile
from imagejobs_contract.model.output_names import default_prefix
from imagejobs_contract.redis.board import RedisBoard
from imagejobs_contract.redis.client import connect
from imagejobs_contract.runtime.settings import S3Settings
from support.api.process import Api
from support.clock.waiting import eventually
from support.cluster.client import ControlPlane
from support.operator.cluster import API, Cluster, photo
from support.operator.process import operator, s3_environ
from support.servers import data_servers

VARIANT = {"name": "default", "width": 32, "format": "jpeg"}
BOBS_FILE = "uploads/default.bob.j1m860h1ax7za8ahhbpy/0/bob.jpg"
READER, PLAIN, ELSEWHERE = "reader", "plain", "elsewhere"


@dataclass
class World:
    """A namespace with an operator, and an API with three callers.

    Attributes:
        keys: Caller -> its key. `reader` was given the namespace's jobs of kubectl, `plain` was not, and
            `elsewhere` was given those of another namespace.
    """

    cluster: Cluster
    api: Api
    redis: str
    keys: dict[str, str] = field(default_factory=dict)

    def call(self, caller: str, path: str, method: str = "GET", **options: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.keys[caller]}", **options.pop("headers", {})}
        return httpx2.request(method, f"{self.api.url}{path}", headers=headers, timeout=30, **options)

    def status(self, caller: str, path: str, method: str = "GET") -> int:
        return self.call(caller, path, method).status_code


@pytest.fixture(scope="module")
def s3(seaweed_server: data_servers.Server, bucket_maker: Any) -> S3Settings:
    bucket = f"test-kubectl-{uuid.uuid4().hex[:8]}"
    bucket_maker.create_bucket(Bucket=bucket)
    for key in ("in/a.jpg", "in/b.jpg", "sites/logo.jpg", BOBS_FILE):
        bucket_maker.put_object(Bucket=bucket, Key=key, Body=photo())
    return data_servers.bucket_settings(seaweed_server, bucket)


@pytest.fixture(scope="module")
def world(
    controlplane: ControlPlane,
    s3: S3Settings,
    valkey_server: data_servers.Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    redis = valkey_server.url("redis", "redis") + "/9"
    base = {**s3_environ(s3), "REDIS_URL": redis}
    cluster, other = (Cluster(controlplane, controlplane.new_namespace(), base) for _ in range(2))
    keys = {name: api_keys.new_key() for name in (READER, PLAIN, ELSEWHERE)}
    more = {READER: {"kubectl_jobs": True}, ELSEWHERE: {"kubectl_jobs": True, "namespace": other.namespace}}
    callers = [
        {"name": name, "keys": [{"sha256": api_keys.digest(key)}], **more.get(name, {})}
        for name, key in keys.items()
    ]
    folder = tmp_path_factory.mktemp("kubectl-jobs")
    (folder / "callers.json").write_text(json.dumps({"callers": callers}))
    api = Api(
        {
            **base,
            "JOB_STORE": "kubernetes",
            "KUBECONFIG": str(controlplane.kubeconfig),
            "NAMESPACE": cluster.namespace,
            "CALLERS_FILE": str(folder / "callers.json"),
            "WATCH_SECRETS": uuid.uuid4().hex,
        }
    )
    told = {
        **base, "KUBECONFIG": str(cluster.operator_kubeconfig()), "NAMESPACES": cluster.namespace,
        "RESYNC_SECONDS": "600", "WORKER_IMAGE": "worker:test",
        "GRANTS": json.dumps({cluster.namespace: {"sources": ["in/"], "pods": 10}}),
    }  # fmt: skip
    try:
        with operator(folder, told):
            yield World(cluster, api, redis, keys)
    finally:
        api.stop()


def spec(**changes: Any) -> dict[str, Any]:
    items = [{"name": "a.jpg", "key": "in/a.jpg"}, {"name": "b.jpg", "key": "in/b.jpg"}]
    return {"items": items, "variants": [VARIANT], "execution": "Job", "itemsPerPod": 2, **changes}


@pytest.fixture(scope="module")
def done(world: World) -> str:
    """A job that was made as kubectl does it, and ran to its end."""
    world.cluster.create("nightly", spec())
    world.cluster.run_pod(world.cluster.wait_for_pods("nightly", 1)[0])
    world.cluster.wait_for_state("nightly", "Succeeded")
    return "nightly"


def paths(job: str) -> list[str]:
    """Return every address under which a job is read."""
    below = [f"/api/jobs/{job}{each}" for each in ("", "?as=yaml", "/results", "/archive")]
    images = [f"/api/progress/{job}-1", f"/api/download/{job}-0"]
    return [*below, f"/api/progress/{job}", f"/api/progress/{job}/events", *images]


def test_a_caller_that_was_given_them_reads_a_job_of_kubectl(world: World, done: str) -> None:
    answers = {path: world.status(READER, path) for path in paths(done)}
    assert {*answers.values()} == {200, 307}, answers
    assert [path for path, status in answers.items() if status == 307] == [f"/api/download/{done}-0"]
    results = world.call(READER, f"/api/jobs/{done}/results").json()["results"]
    for each in results:
        link = httpx2.get(each["outputs"][0]["download_url"], timeout=30)
        assert (link.status_code, link.headers["Content-Type"]) == (200, "image/jpeg")
    archive = world.call(READER, f"/api/jobs/{done}/archive").content
    assert zipfile.ZipFile(io.BytesIO(archive)).namelist() == ["a.jpg", "b.jpg"]
    assert world.call(READER, f"/api/progress/{done}").json()["state"] == "Succeeded"


@pytest.mark.parametrize("caller", [PLAIN, ELSEWHERE])
def test_to_every_other_caller_it_is_as_good_as_none(world: World, done: str, caller: str) -> None:
    for path, unknown in zip(paths(done), paths("nobodys"), strict=True):
        seen, none = world.call(caller, path), world.call(caller, unknown)
        assert (seen.status_code, seen.json()["code"]) == (404, none.json()["code"]), path
        assert seen.json()["detail"] == none.json()["detail"]


def test_it_is_read_only(world: World, done: str) -> None:
    before = world.cluster.get(done)
    for command in ("cancel", "suspend", "resume", "retry", "callback"):
        assert world.status(READER, f"/api/jobs/{done}/{command}", "POST") == 404
    for query in ("", "?outputs=true"):
        assert world.status(READER, f"/api/jobs/{done}{query}", "DELETE") == 404
    assert world.cluster.get(done) == before
    assert world.status(READER, f"/api/jobs/{done}/archive") == 200


def test_the_list_holds_a_callers_own_jobs_only(world: World, done: str) -> None:
    assert world.call(READER, "/api/jobs").json()["jobs"] == []


def make_as_plain(world: World) -> str:
    body = {"items": [{"url": "https://example.org/a.jpg"}] * 2, "suspend": True}
    made: str = world.call(PLAIN, "/api/jobs", "POST", json=body).json()["job_id"]
    return made


def test_another_callers_job_is_not_opened_by_it(world: World) -> None:
    job = make_as_plain(world)
    eventually(lambda: world.call(PLAIN, f"/api/jobs/{job}").json()["state"] == "Suspended")
    assert {world.status(READER, path) for path in paths(job)} == {404}


def test_a_job_of_kubectl_never_stands_before_an_image_of_ones_own(world: World) -> None:
    body = {"items": [{"url": "https://example.org/a.jpg"}] * 2, "suspend": True}
    own = world.call(READER, "/api/jobs", "POST", json=body).json()["job_id"]
    world.cluster.create(f"{own}-1", spec(suspend=True))
    world.cluster.wait_for_state(f"{own}-1", "Suspended")
    assert world.call(READER, f"/api/progress/{own}-1").json()["total"] == 1  # kubectl's has two images


def test_what_was_not_granted_or_says_that_the_api_made_it_is_not_shown(world: World) -> None:
    world.cluster.create("greedy", spec(items=[{"key": BOBS_FILE}]))
    eventually(lambda: "conditions" in world.cluster.get("greedy")["status"])
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": "claims", "annotations": {names.ANNOTATION_SOURCES: '["uploads/"]'}},
        "spec": spec(items=[{"key": BOBS_FILE}], suspend=True),
    }
    world.cluster.call("POST", f"{API}/namespaces/{world.cluster.namespace}/{names.PLURAL}", body)
    world.cluster.wait_for_state("claims", "Suspended")
    for job in ("greedy", "claims"):
        for path in (*paths(job), f"/api/jobs/{job}/archive?of=failed-sources"):
            assert world.status(READER, path) == 404, path


def test_an_outcome_that_names_anothers_file_gives_no_link_to_it(world: World) -> None:
    """A pod in the namespace holds credentials of Redis: whoever reads them can write on the board."""
    world.cluster.create("forged", spec(execution="Pool"))
    world.cluster.wait_for_state("forged", "Queued")
    uid = Uid(world.cluster.get("forged")["metadata"]["uid"])
    key = JobKey(world.cluster.namespace, "forged")
    true = f"{default_prefix(*key, uid)}/b.jpg"
    outputs = [OutputFile("default", each, 32, 24, Format.JPEG, 1000) for each in (BOBS_FILE, true)]
    forged = [Outcome(n, f"{n}.jpg", 1, outputs=(output,)) for n, output in enumerate(outputs)]
    forged[1] = replace(forged[1], outputs=tuple(outputs))

    async def forge() -> None:
        redis = connect(world.redis)
        await RedisBoard(redis).put_shard(key, uid, 0, Counts(2, 0, 2, 0), forged)
        await redis.aclose()

    asyncio.run(forge())
    answer = world.call(READER, "/api/jobs/forged/results")
    shown = [each["outputs"] for each in answer.json()["results"]]
    assert "bob" not in answer.text
    assert [len(each or []) for each in shown] == [0, 1]
    assert world.status(READER, "/api/download/forged-0") in (404, 409)
    world.cluster.wait_for_state("forged", "Succeeded")  # and now the status says it too
    assert BOBS_FILE in json.dumps(world.cluster.get("forged")["status"])
    assert "bob" not in world.call(READER, "/api/jobs/forged/results").text
    archive = world.call(READER, "/api/jobs/forged/archive")
    assert b"bob" not in archive.content
