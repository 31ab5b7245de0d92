"""The service for a client: the curl calls of the README, errors by name, and the time of a small image."""

import contextlib
import http.client
import json
import statistics
import sys
import time
import urllib.request

import pytest

from support.cluster import kind_cluster as e2e


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, release):
    """A folder with a photo, a text file, a photo that was cut off, and an empty file."""
    folder = tmp_path_factory.mktemp("pictures")
    whole = e2e.photo(1600, 1200)
    (folder / "photo.jpg").write_bytes(whole)
    (folder / "second.jpg").write_bytes(e2e.photo(800, 900))
    (folder / "notes.jpg").write_text("not a picture")
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 3])
    (folder / "empty.jpg").write_bytes(b"")
    return folder


def test_helm_test_sends_one_image_through(release):
    assert "Succeeded" in e2e.helm("test", release, "--timeout", "2m")


def test_what_helm_printed_works_as_printed(pictures):
    printed = e2e.helm("get", "notes", e2e.RELEASE)
    commands = "".join(f"{line.strip()}\n" for line in printed.splitlines() if line.startswith("  "))
    said = e2e.run("bash", "-c", f"set -e; trap 'kill $(jobs -p)' EXIT; cd {pictures}\n{commands}")
    assert '"state": "Succeeded"' in said or '"state":"Succeeded"' in said
    assert "maxFailedItems" in said


def test_a_resize_is_answered_with_a_link_to_the_result(pictures):
    answer = e2e.curl(
        "-F", f"image=@{pictures}/photo.jpg", "-F", "width=400", "-F", "quality=80", f"{e2e.API}/api/resize"
    )
    assert (answer["state"], answer["width"], answer["format"]) == ("Succeeded", 400, "jpeg")
    assert e2e.fetch(answer["download_url"]).size == (400, 300)
    progress = e2e.curl(f"{e2e.API}/api/progress/{answer['job_id']}")
    assert (progress["progress"], progress["done"], progress["total"]) == (100, 1, 1)


def test_a_batch_has_a_link_for_each_image(pictures):
    batch = e2e.curl(
        "-F",
        f"images[]=@{pictures}/photo.jpg",
        "-F",
        f"images[]=@{pictures}/second.jpg",
        "-F",
        "width=400",
        f"{e2e.API}/api/batch",
    )
    assert batch["experimental"] is True
    job_ids = [each["job_id"] for each in batch["image_jobs"]]
    assert job_ids == [f"{batch['batch_job_id']}-0", f"{batch['batch_job_id']}-1"]
    e2e.until(
        "the batch", lambda: e2e.curl(f"{e2e.API}/api/progress/{batch['batch_job_id']}")["progress"] == 100
    )
    assert {e2e.fetch(f"{e2e.API}/api/download/{job_id}").width for job_id in job_ids} == {400}


def test_a_batch_with_bad_files_partially_succeeds(pictures):
    files = [f"images[]=@{pictures}/{name}.jpg" for name in ("photo", "notes", "cut", "empty")]
    batch = e2e.curl(
        "-H",
        "Prefer: wait=60",
        *(word for file in files for word in ("-F", file)),
        "-F",
        "width=100",
        f"{e2e.API}/api/batch",
    )
    assert batch["state"] == "PartiallySucceeded"
    photo, *bad = batch["image_jobs"]
    assert photo["error"] is None
    assert [each["error"]["code"] for each in bad] == ["not_an_image", "corrupt_image", "not_an_image"]


def test_a_call_without_the_key_is_refused(pictures):
    for shown in ((), ("--header", "Authorization: Bearer ijk_wrong")):
        problem = json.loads(e2e.run("curl", "--silent", *shown, f"{e2e.API}/api/jobs"))
        assert (problem["status"], problem["code"]) == (401, "unauthorized")


def test_wrong_options_are_all_named(pictures):
    problem = e2e.curl(
        "-F", f"image=@{pictures}/photo.jpg", "-F", "width=0", "-F", "quality=200", f"{e2e.API}/api/resize"
    )
    assert (problem["status"], problem["code"]) == (400, "invalid_options")
    assert {"width", "quality"} <= set(json.dumps(problem).replace('"', " ").replace(":", " ").split())


def test_a_face_crop_says_what_has_to_be_installed_for_it(pictures):
    problem = e2e.curl(
        "-F",
        f"image=@{pictures}/photo.jpg",
        "-F",
        "width=100",
        "-F",
        "height=100",
        f"{e2e.API}/api/face-crop",
    )
    assert (problem["status"], problem["code"]) == (400, "invalid_options")
    assert "worker.faces=true" in problem["errors"][0]["what"]


def test_a_small_image_takes_less_than_a_second(release, capsys):
    body = (
        b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + e2e.photo() + b"\r\n"
    )
    body += b'--b\r\nContent-Disposition: form-data; name="width"\r\n\r\n200\r\n--b--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Authorization": f"Bearer {e2e.api_key()}"}
    seconds = []
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", 30080, timeout=60)) as connection:
        for _ in range(21):
            started = time.perf_counter()
            connection.request("POST", "/api/resize", body, headers)
            answer = json.load(connection.getresponse())
            seconds.append(time.perf_counter() - started)
            assert answer["state"] == "Succeeded", answer
    p50 = statistics.median(seconds[1:])
    with capsys.disabled():
        sys.stdout.write(
            f"\none 640x480 JPEG, POST to finished answer: p50 {p50 * 1000:.0f} ms, "
            f"worst {max(seconds[1:]) * 1000:.0f} ms\n"
        )
    assert p50 < 1


def test_the_api_says_that_it_is_ready(release):
    with urllib.request.urlopen(f"{e2e.API}/readyz", timeout=10) as response:
        assert json.load(response)["parts"] == {"store": "ok", "s3": "ok", "redis": "ok", "workers": "ok"}
