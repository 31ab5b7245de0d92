"""What a person does first, over the whole stack."""

import re
import shutil
import subprocess

import httpx2
import pytest

from support.servers import local_stack


def test_a_photo_becomes_a_link_to_the_resized_picture(client):
    answer = client.post_image(local_stack.photo(), width=400, quality=80)
    body = answer.json()
    assert answer.status_code == 200, body
    assert (body["state"], body["width"], body["height"], body["format"]) == ("Succeeded", 400, 300, "jpeg")
    linked = httpx2.get(body["download_url"])
    assert linked.headers["content-type"] == "image/jpeg"
    assert len(linked.content) == body["bytes"]
    picture = local_stack.download(client, body["job_id"])
    assert (picture.format, picture.size) == ("JPEG", (400, 300))


def test_the_progress_of_a_finished_job_is_100(client):
    job = client.post_image(local_stack.photo(), width=100).json()["job_id"]
    assert (
        client.progress(job).items()
        >= {"job_id": job, "progress": 100, "total": 1, "done": 1, "failed": 0}.items()
    )


def test_a_batch_has_ids_and_links_for_each_image_and_progress_for_every_id(client):
    batch = client.batch(
        {"bridge.jpg": local_stack.photo(seed=1), "portrait.jpg": local_stack.photo(600, 800, seed=2)},
        width=400,
    )
    assert batch["experimental"] is True
    assert [each["name"] for each in batch["image_jobs"]] == ["bridge.jpg", "portrait.jpg"]
    assert client.wait_until_final(batch["batch_job_id"])["progress"] == 100
    for each in batch["image_jobs"]:
        assert client.progress(each["job_id"])["progress"] == 100
        assert local_stack.download(client, each["job_id"]).width == 400


def test_bad_files_in_a_batch_are_their_own_errors_only(client):
    photo = local_stack.photo()
    files = {
        "photo.jpg": photo,
        "notes.txt": b"not an image",
        "cut.jpg": photo[: len(photo) // 3],
        "empty.jpg": b"",
    }
    batch = client.batch(files, width=200)
    ended = client.wait_until_final(batch["batch_job_id"])
    assert ended["state"] == "PartiallySucceeded"
    ids = {each["name"]: each["job_id"] for each in batch["image_jobs"]}
    assert local_stack.download(client, ids["photo.jpg"]).width == 200
    errors = {name: (client.progress(ids[name])["error"] or {}).get("code") for name in files if ids[name]}
    errors |= {each["name"]: each["error"]["code"] for each in batch["image_jobs"] if each["error"]}
    assert errors["cut.jpg"] == "corrupt_image"
    assert errors["notes.txt"] == "not_an_image"
    assert errors["empty.jpg"] == "not_an_image"
    assert errors.get("photo.jpg") is None


def test_who_does_not_want_to_wait_gets_the_same_ids_at_once(client):
    answer = client.post_image(local_stack.photo(), headers={"Prefer": "respond-async"}, width=300)
    assert answer.status_code == 202
    job = answer.json()["job_id"]
    assert client.wait_until_final(job)["state"] == "Succeeded"
    assert local_stack.download(client, job).width == 300


def test_bad_options_are_all_named_at_once(client):
    answer = client.post_image(local_stack.photo(), width=0, quality=101, colour="red")
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["code"] == "invalid_options"
    assert all(name in answer.text for name in ("width", "quality", "colour"))


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing")
def test_the_calls_on_the_screen_work_when_pasted(stack):
    calls = re.findall(r"^  (curl .*)$", stack.terminal_output(), re.MULTILINE)
    assert len(calls) == 2
    for call in calls:
        done = subprocess.run(f"{call} -fsS", shell=True, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert "download_url" in done.stdout
