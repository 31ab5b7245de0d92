"""`callback` in requests, its state in `GET /api/jobs/{id}`, and `POST /api/jobs/{id}/callback`."""

from dataclasses import replace

import httpx2
import pytest

from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.model.status import (
    Callback,
    CallbackState,
    Condition,
    ConditionType,
    Reason,
    State,
    Status,
)
from support.api import forms
from support.api.client import ApiClient, fault_names
from support.api.forms import JPEG
from support.api.process import Api
from support.servers.webhook_receiver import SECRET

URL = "https://hooks.example.org/imagejobs?shop=7"


@pytest.fixture(scope="module")
def signing(service):
    """A client of an API that has a secret, beside the one that has none."""
    api = Api(service.environ | {"WEBHOOK_SECRETS": SECRET, "ALLOWED_PRIVATE_CALLBACKS": "10.1.0.0/16"})
    with httpx2.Client(base_url=api.url, timeout=30) as http:
        yield ApiClient(http)
    api.stop()


def store_job(service, name, state=State.SUCCEEDED, callback=None, **spec):
    """Store a job as the operator leaves it."""
    condition = Condition(
        ConditionType.CALLBACK_DELIVERED, False, Reason.CALLBACK_FAILED, "the receiver answered 500"
    )
    status = Status(
        state=state,
        conditions=(condition,) if callback else (),
        counts=Counts(1, 0, 1, 0),
        attempt=1,
        callback=callback,
    )
    job = ImageJob(JobKey("default", name), Spec(items=(Item("a.jpg", "k"),), **spec))
    service.store_job(job, status)


@pytest.mark.parametrize(
    ("path", "options"),
    [("resize", {"width": "40"}), ("center-crop", {"width": "4", "height": "4"}), ("batch", {})],
    ids=str,
)
def test_every_form_takes_a_callback(service, signing, path, options):
    fields = options | {"callback": URL}
    parts = [forms.field(name, value) for name, value in fields.items()]
    image = forms.file("images" if path == "batch" else "image", JPEG)
    answer = signing.post_form([*parts, image], f"/api/{path}")
    assert answer.status_code in (200, 202), answer.text
    identifier = answer.json().get("job_id") or answer.json()["batch_job_id"]
    assert service.worker.job(identifier).spec.callback_url == URL


def test_a_callback_may_have_its_scheme_in_capitals(service, signing):
    url = URL.replace("https", "HTTPS")
    assert (
        service.worker.job(signing.post_image(width=40, callback=url).json()["job_id"]).spec.callback_url
        == url
    )


def test_json_takes_a_callback(service, signing):
    answer = signing.post_urls({"urls": ["https://images.example.org/site/a.jpg"], "callback": URL})
    assert service.worker.job(answer.json()["batch_job_id"]).spec.callback_url == URL


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "http://me:secret@example.org/",
        "http://127.0.0.1/",
        "HTTP://127.0.0.1/",
        "FTP://example.org/",
        "http://10.2.0.1/",
        "https://example.org:22/",
        "http://0x7f.1/",
        "hook",
    ],
)
def test_a_callback_that_would_be_refused_is_refused_at_once(signing, url):
    answer = signing.post_image(width=40, callback=url)
    assert (
        answer.status_code,
        answer.json()["code"],
        fault_names(answer),
    ) == (400, "invalid_options", ["callback"])


def test_a_private_network_may_be_allowed(signing):
    assert signing.post_image(width=40, callback="http://10.1.0.1/hook").status_code == 200


def test_without_a_secret_a_callback_is_refused_and_why_is_said(service):
    answer = service.client.post_image(width=40, callback=URL)
    (fault,) = answer.json()["errors"]
    assert (answer.status_code, answer.json()["code"], fault["where"]) == (400, "invalid_options", "callback")
    assert "no secret" in fault["what"]


def test_a_job_tells_how_far_its_callback_is(service):
    store_job(service, "pending", callback=Callback(CallbackState.PENDING, tries=3), callback_url=URL)
    body = service.http.get("/api/jobs/pending").json()
    assert body["callback"] == {
        "url": URL,
        "state": "Pending",
        "tries": 3,
        "next": None,
        "message": "the receiver answered 500",
    }


def test_a_job_without_a_callback_shows_null(service):
    store_job(service, "without")
    assert service.http.get("/api/jobs/without").json()["callback"] is None


def test_repeated_requests_repeat_a_callback_once(service):
    store_job(
        service,
        "again",
        callback=Callback(CallbackState.GAVE_UP, repeats=2),
        callback_url=URL,
        repeat_callback=2,
    )
    for _ in range(2):
        answer = service.http.post("/api/jobs/again/callback")
        assert (answer.status_code, answer.json()["spec"]["repeat_callback"]) == (202, 3)
        assert answer.headers["Location"].endswith("/api/jobs/again")
    assert replace(service.worker.job("again").spec, repeat_callback=0).callback_url == URL


@pytest.mark.parametrize(
    ("name", "state", "spec", "retryable"),
    [("bare", State.SUCCEEDED, {}, False), ("runs", State.RUNNING, {"callback_url": URL}, True)],
    ids=str,
)
def test_a_callback_of_a_running_job_or_without_a_url_cannot_be_repeated(
    service, name, state, spec, retryable
):
    store_job(service, name, state, **spec)
    answer = service.http.post(f"/api/jobs/{name}/callback")
    assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (
        409,
        "conflict",
        retryable,
    )
