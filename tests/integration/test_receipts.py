"""The receipt of a job, from the worker's processor to the answer."""

import pytest

from support.servers import local_stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with local_stack.running(tmp_path_factory.mktemp("receipts") / "data", "--workers", "1") as running:
        yield running


@pytest.mark.parametrize("count", [2, 20], ids=["status", "results file"])
def test_a_job_tells_what_it_took_and_what_it_saved(stack, count):
    photos = {f"{n}.jpg": local_stack.photo(600, 400, seed=n) for n in range(count)}
    with local_stack.client(stack) as client:
        job_id = client.batch(photos | {"notes.txt": b"hello"}, width=60)["batch_job_id"]
        client.wait_until_final(job_id)
        job, results = client.job(job_id).json(), client.results(job_id).json()["results"]
    assert job["bytes_in"] == sum(map(len, photos.values()))
    assert job["bytes_out"] == sum(output["bytes"] for each in results for output in each["outputs"])
    assert job["bytes_saved"] == job["bytes_in"] - job["bytes_out"] > 0
    assert job["saved_percent"] == 100 * job["bytes_saved"] // job["bytes_in"]
    assert job["cpu_seconds"] > 0
