"""Commands that race with the end of a job, over HTTP: an answer is the truth, and stays it."""

import threading
from itertools import permutations

import pytest

from support.api.client import ASYNC
from support.clock.waiting import eventually
from support.servers.local_stack import photo

BROKEN = photo(40, 30)[:200]


def post_batch(client) -> str:
    answer = client.post_batch([("a.jpg", photo(60, 40)), ("b.jpg", BROKEN)], headers=ASYNC)
    return answer.json()["batch_job_id"]


def send(client, identifier: str, command: str):
    """Send a command; a retry names the code of the broken image, which would not be tried again without."""
    body = {"json": {"codes": ["corrupt_image"]}} if command == "retry" else {}
    return client.request("POST", f"/api/jobs/{identifier}/{command}", **body)


def settle(client, identifier: str) -> dict:
    final = ("Succeeded", "PartiallySucceeded", "Failed", "Cancelled")
    eventually(lambda: client.progress(identifier)["state"] in final)
    return client.get(f"/api/jobs/{identifier}").json()


@pytest.mark.parametrize("milliseconds", range(0, 131, 10))
def test_a_cancellation_is_carried_out_or_refused(client, milliseconds):
    identifier = post_batch(client)
    threading.Event().wait(milliseconds / 1000)  # the delay is the case
    answer = client.request("POST", f"/api/jobs/{identifier}/cancel")
    job = settle(client, identifier)
    assert answer.status_code in (202, 409)
    if answer.status_code == 202:
        assert answer.json()["state"] not in ("Succeeded", "PartiallySucceeded", "Failed")
        assert (job["state"], job["spec"]["cancel"]) == ("Cancelled", True)
    else:
        assert (job["state"], job["spec"]["cancel"]) == ("PartiallySucceeded", False)
        assert send(client, identifier, "retry").status_code == 202
        assert settle(client, identifier)["attempt"] in (1, 2)


@pytest.mark.parametrize("second", ["cancel", "suspend"])
def test_a_command_right_after_a_retry_finds_a_job_that_runs_again(client, second):
    identifier = post_batch(client)
    settle(client, identifier)
    assert send(client, identifier, "retry").status_code == 202
    answer = client.request("POST", f"/api/jobs/{identifier}/{second}")
    if answer.status_code == 202 and second == "suspend":
        assert client.request("POST", f"/api/jobs/{identifier}/resume").status_code in (200, 202, 409)
    job = settle(client, identifier)
    assert job["spec"]["cancel"] == (job["state"] == "Cancelled")


@pytest.mark.parametrize("milliseconds", [0, 40, 130])
@pytest.mark.parametrize("pair", [*permutations(("cancel", "retry", "suspend", "resume"), 2)], ids="-".join)
def test_no_order_of_two_commands_leaves_a_job_that_nobody_can_act_on(client, pair, milliseconds):
    identifier = post_batch(client)
    answers = []
    for command in pair:
        answers.append(send(client, identifier, command))
        threading.Event().wait(milliseconds / 1000)  # the delay is the case
    assert {each.status_code for each in answers} <= {200, 202, 409}
    client.request("POST", f"/api/jobs/{identifier}/resume")
    job = settle(client, identifier)
    was_cancelled = any(
        command == "cancel" and each.status_code == 202 for command, each in zip(pair, answers, strict=True)
    )
    assert (job["state"] == "Cancelled") == job["spec"]["cancel"] == was_cancelled
    again = send(client, identifier, "retry")
    assert again.status_code == (409 if was_cancelled else 202)
    assert client.request("DELETE", f"/api/jobs/{identifier}").status_code == 204
    eventually(lambda: client.job(identifier).status_code == 404)
