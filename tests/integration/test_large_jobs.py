"""Jobs of more images than an ImageJob holds, on one machine: upload links, manifests, shard processes."""

import json

import httpx2

from imagejobs_contract.wire import s3_keys
from support.api.client import ApiClient
from support.clock.waiting import eventually
from support.servers import local_stack


def upload(url: str, data: bytes, name: str, content_type: str = "image/jpeg") -> str:
    body = {"files": [{"name": name, "size": len(data), "content_type": content_type}]}
    file = httpx2.post(f"{url}/api/uploads", json=body, timeout=30).json()["files"][0]
    assert httpx2.put(file["url"], content=data, headers=file["headers"], timeout=30).status_code == 200
    return str(file["key"])


def make(client: ApiClient, body: dict) -> str:
    answer = client.post_job(body)
    assert answer.status_code == 202, answer.text
    return answer.json()["job_id"]


def codes(client: ApiClient, job: str) -> list[str | None]:
    lines = client.results(job, {"Accept": "application/x-ndjson"}).text.splitlines()
    return [(json.loads(line)["error"] or {}).get("code") for line in lines]


def shards(stack: local_stack.LocalStack) -> list[int]:
    """Return the processes that work on shards."""
    return [
        pid
        for pid in local_stack.descendants(stack.pid)
        if "imagejobs_worker shard" in local_stack.command_line(pid)
    ]


def working_files(stack: local_stack.LocalStack) -> set[str]:
    """Return the keys of what belongs to jobs, but for uploads and outputs."""
    bucket = local_stack.bucket(stack)
    return {each["path"] for page in bucket.list(s3_keys.JOBS) for each in page}


def test_more_images_than_an_imagejob_holds_are_all_done(stack, client):
    key = upload(stack.url, local_stack.photo(64, 48), "small.jpg")
    job = make(client, {"items": [{"key": key}] * 501, "items_per_pod": 200, "variants": [{"width": 16}]})
    assert (
        client.wait_until_final(job, 120).items() >= {"state": "Succeeded", "done": 501, "failed": 0}.items()
    )
    assert codes(client, job) == [None] * 501


def test_lines_of_a_callers_list_open_nothing_but_what_is_the_callers(stack, client):
    key = upload(stack.url, local_stack.photo(64, 48), "small.jpg")
    theirs = client.post_image(local_stack.photo(64, 48)).json()["job_id"]
    lines = [
        {"key": key},
        {"key": f"outputs/{theirs}/photo.jpg"},
        {"key": f"uploads/{theirs}/0"},
        {"url": "http://127.0.0.1/a.jpg"},
        {"no": 1},
    ]
    manifest = upload(
        stack.url, "\n".join(map(json.dumps, lines)).encode(), "list.jsonl", "application/x-ndjson"
    )
    job = make(client, {"manifest": {"key": manifest}, "variants": [{"width": 16}]})
    assert client.wait_until_final(job, 60)["state"] == "PartiallySucceeded"
    assert codes(client, job) == [
        None,
        "source_forbidden",
        "source_forbidden",
        "source_forbidden",
        "invalid_options",
    ]


def test_blank_lines_of_a_callers_list_are_no_images(stack, client):
    key = upload(stack.url, local_stack.photo(64, 48), "small.jpg")
    text = (
        "\r\n" + "\r\n\r\n".join(json.dumps({"key": key, "name": f"{n}.jpg"}) for n in range(5)) + "\r\n \n"
    )
    manifest = upload(stack.url, text.encode(), "blank.jsonl", "application/x-ndjson")
    job = make(client, {"manifest": {"key": manifest}, "variants": [{"width": 16}], "items_per_pod": 2})
    assert (
        client.wait_until_final(job, 60).items()
        >= {"state": "Succeeded", "total": 5, "done": 5, "failed": 0}.items()
    )
    names = [each["name"] for each in client.results(job).json()["results"]]
    assert names == [f"{n}.jpg" for n in range(5)]


def test_a_large_job_goes_on_after_everything_was_killed(tmp_path):
    with local_stack.running(tmp_path / "data", "--workers", "2") as stack:
        key = upload(stack.url, local_stack.photo(64, 48), "small.jpg")
        with local_stack.client(stack) as client:
            body = {"items": [{"key": key}] * 600, "items_per_pod": 100, "variants": [{"width": 16}]}
            job = make(client, body)
            eventually(lambda: client.progress(job)["done"] >= 50, 60)
        processes = shards(stack)
        stack.kill_supervisor()
        eventually(lambda: not local_stack.alive(processes), 10, seen=lambda: local_stack.alive(processes))
        stack.start()
        with local_stack.client(stack) as client:
            assert (
                client.wait_until_final(job, 120).items()
                >= {"state": "Succeeded", "done": 600, "failed": 0}.items()
            )


def test_a_large_job_that_is_deleted_stops_its_processes_and_leaves_no_working_files(stack, client):
    key = upload(stack.url, local_stack.photo(64, 48), "small.jpg")
    before = working_files(stack)
    job = make(client, {"items": [{"key": key}] * 5000, "items_per_pod": 5000, "variants": [{"width": 16}]})
    eventually(lambda: client.progress(job)["done"] > 0, 60)
    assert httpx2.delete(f"{stack.url}/api/jobs/{job}").status_code == 204
    eventually(lambda: not shards(stack), 60)
    eventually(lambda: working_files(stack) == before, 60, seen=lambda: working_files(stack))


def test_a_large_job_that_is_cancelled_stops_its_processes(stack, client):
    key = upload(stack.url, local_stack.photo(64, 48), "small.jpg")
    job = make(client, {"items": [{"key": key}] * 5000, "variants": [{"width": 16}]})
    eventually(lambda: client.progress(job)["state"] == "Running", 60)
    httpx2.post(f"{stack.url}/api/jobs/{job}/cancel")
    assert client.wait_until_final(job)["state"] == "Cancelled"
    assert not shards(stack)
