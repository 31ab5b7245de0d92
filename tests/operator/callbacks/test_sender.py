"""One callback, sent for real to a receiver on loopback that checks it with the Standard Webhooks library."""

import asyncio
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.model import limits, names
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.outcome import OutputFile
from imagejobs_contract.model.status import Callback, CallbackState, Failure, State, Status
from imagejobs_contract.model.times import utc_now
from imagejobs_contract.outbound.guard import AddressGuard
from imagejobs_contract.outbound.http_client import Head
from imagejobs_contract.outbound.policy import EgressPolicy
from imagejobs_contract.runtime.webhook_secrets import WebhookSecrets
from imagejobs_operator.callbacks import payload, sender
from imagejobs_operator.callbacks.sender import WebhookSender
from imagejobs_operator.decide.deliveries import Response, ResponseKind
from support.api import openapi_check
from support.operator.world import OUTPUTS, outcome, spec
from support.servers.webhook_receiver import OLD_SECRET, SECRET, Receiver, receiver

LOOPBACK = EgressPolicy(private=("127.0.0.0/8",))
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MESSAGE = "msg_0123_1"
ANOTHER = "whsec_" + "QUJD" * 10


@pytest.fixture
def hooks() -> Iterator[Receiver]:
    """A receiver."""
    with receiver() as it:
        yield it


def job(url: str, **changes: Any) -> ImageJob:
    status = Status(
        state=State.SUCCEEDED,
        counts=Counts(1, 0, 1, 0),
        outcomes=(outcome(0),),
        attempt=1,
        started=NOON,
        completed=NOON,
        duration_seconds=0,
        callback=Callback(CallbackState.PENDING),
        bytes_in=1000,
        bytes_out=100,
    )
    return ImageJob(
        JobKey("ns", "job"),
        spec(1, callback_url=url),
        uid="0123",
        created=NOON,
        status=replace(status, **changes),
    )


def send(about: ImageJob, secrets: tuple[str, ...] = (SECRET,), reach: EgressPolicy = LOOPBACK) -> Response:
    return asyncio.run(
        WebhookSender(
            AddressGuard(reach), WebhookSecrets(secrets), "https://images.example.org", utc_now
        ).send(about, MESSAGE)
    )


def test_a_callback_is_signed_and_tells_what_became_of_the_job(hooks: Receiver) -> None:
    assert send(job(hooks.url("/hook?shop=7")))[:2] == (ResponseKind.DELIVERED, "the receiver answered 200")
    (message,) = hooks.messages
    assert (message.id, message.headers["content-type"], message.headers["host"]) == (
        MESSAGE,
        "application/json",
        f"127.0.0.1:{hooks.port}",
    )
    assert (message.body["type"], message.body["timestamp"]) == ("imagejob.finished", "2026-11-24T12:00:00Z")
    data = message.body["data"]
    assert (data["job_id"], data["state"], data["total"], data["done"], data["failed"]) == (
        "job",
        "Succeeded",
        1,
        1,
        0,
    )
    assert data["results_url"] == "https://images.example.org/api/jobs/job/results"
    assert data["images"][0]["outputs"][0]["key"] == f"{OUTPUTS}/photo-0.jpg"


def test_the_body_holds_the_name_that_the_caller_gave_the_job(hooks: Receiver) -> None:
    send(job(hooks.url("/hook")))
    send(replace(job(hooks.url("/hook")), annotations={names.ANNOTATION_TITLE: "Spring sale"}))
    assert [each.body["data"]["name"] for each in hooks.messages] == [None, "Spring sale"]


def test_done_counts_the_images_that_have_their_result_as_it_does_everywhere(hooks: Receiver) -> None:
    send(job(hooks.url("/hook"), state=State.PARTIALLY_SUCCEEDED, counts=Counts(3, 0, 2, 1)))
    data = hooks.messages[0].body["data"]
    assert (data["total"], data["done"], data["failed"]) == (3, 2, 1)


@pytest.mark.parametrize("known", [SECRET, OLD_SECRET], ids=["new", "old"])
def test_while_secrets_change_the_old_one_and_the_new_one_are_right(hooks: Receiver, known: str) -> None:
    hooks.secret = known
    assert send(job(hooks.url()), (SECRET, OLD_SECRET))[0] is ResponseKind.DELIVERED


def test_another_secret_is_wrong(hooks: Receiver) -> None:
    hooks.secret = OLD_SECRET
    assert send(job(hooks.url()))[:2] == (ResponseKind.FAILED, "the receiver answered 401")


@pytest.mark.parametrize(
    ("status", "end"),
    [
        (204, ResponseKind.DELIVERED),
        (410, ResponseKind.GONE),
        (404, ResponseKind.FAILED),
        (429, ResponseKind.FAILED),
        (500, ResponseKind.FAILED),
    ],
    ids=str,
)
def test_what_a_status_means(hooks: Receiver, status: int, end: ResponseKind) -> None:
    hooks.statuses = [status]
    assert send(job(hooks.url()))[0] is end


@pytest.mark.parametrize(
    ("status", "text", "seconds"),
    [
        (429, "120", 120),
        (503, "0", 0),
        (503, "Tue, 24 Nov 2026 12:05:00 GMT", 300),
        (503, "Tue, 24 Nov 2026 11:00:00 GMT", 0),
        (429, "soon", 0),
        (429, "-5", 0),
        (429, "1" * 30, 0),
        (429, "Tue, 24 Nov 2026 12:05:00", 0),
        (500, "120", 0),
        (429, "1e3", 0),
        (429, "", 0),
    ],
)
def test_a_receiver_that_is_busy_says_for_how_long(status: int, text: str, seconds: float) -> None:
    head = Head(status, {"retry-after": text} if text else {})
    assert sender.classify(head, NOON).retry_after_seconds == seconds


def test_retry_after_comes_over_the_wire(hooks: Receiver) -> None:
    hooks.statuses, hooks.retry_after = [429], "77"
    assert send(job(hooks.url())) == Response(ResponseKind.FAILED, "the receiver answered 429", 77.0)


def test_a_redirect_is_not_followed(hooks: Receiver) -> None:
    hooks.statuses, hooks.location = [307], hooks.url("/elsewhere")
    assert send(job(hooks.url()))[:2] == (
        ResponseKind.FAILED,
        "the receiver answered 307: redirects are not followed",
    )
    assert len(hooks.messages) == 1


def test_nothing_is_sent_to_an_address_that_is_not_public(hooks: Receiver) -> None:
    for url in (
        hooks.url(),
        f"http://localhost:{hooks.port}/",
        f"http://[::ffff:127.0.0.1]:{hooks.port}/",
        "http://169.254.169.254/",
    ):
        assert send(job(url), reach=EgressPolicy())[0] is ResponseKind.REFUSED
    assert (hooks.messages, hooks.refusals) == ([], [])


def test_a_receiver_that_hangs_is_left(hooks: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "TOTAL_SECONDS", 0.3)
    hooks.gate.clear()
    assert send(job(hooks.url()))[:2] == (ResponseKind.FAILED, "the receiver does not answer in time")


def test_a_port_where_nobody_listens_is_a_failure() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert send(job(f"http://127.0.0.1:{port}/"))[:2] == (
        ResponseKind.FAILED,
        "the receiver's host cannot be reached",
    )


@pytest.mark.parametrize(
    "answer",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"x" * 100_000],
    ids=["nothing", "nonsense", "cut", "endless"],
)
def test_an_answer_that_is_none_is_a_failure(answer: bytes) -> None:
    async def run() -> Response:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            return await WebhookSender(AddressGuard(LOOPBACK), WebhookSecrets((SECRET,)), "", utc_now).send(
                job(url), MESSAGE
            )

    assert asyncio.run(run())[0] is ResponseKind.FAILED


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {
            "outcomes": (outcome(0, code=Code.CORRUPT_IMAGE),),
            "failures": (Failure("a.jpg", "corrupt_image", "cut"),),
            "failure_codes": ("corrupt_image",),
        },
        {"outcomes": (), "started": None, "duration_seconds": None, "state": State.CANCELLED},
    ],
    ids=["succeeded", "failed", "cancelled"],
)
def test_the_message_is_as_the_api_s_document_has_it(changes: dict[str, Any]) -> None:
    openapi_check.check_message(json.loads(payload.make_body(job("https://example.org/", **changes), "")))


def test_no_body_is_larger_than_64_kib() -> None:
    outputs = tuple(
        OutputFile(f"v{n}", "k" * 1024, 1, 1, outcome(0).outputs[0].format, 1)
        for n in range(limits.MAX_VARIANTS)
    )
    outcomes = tuple(
        replace(outcome(n), name="写" * 255, outputs=outputs) for n in range(limits.MAX_STATUS_OUTCOMES)
    )
    failures = tuple(
        Failure("写" * 255, "corrupt_image", "写" * 256) for _ in range(limits.MAX_STATUS_FAILURES)
    )
    body = payload.make_body(
        job("https://example.org/", outcomes=outcomes, failures=failures),
        "https://images.example.org/" + "p" * 470,
    )
    assert len(body) <= payload.MAX_BODY_BYTES
    openapi_check.check_message(json.loads(body))
    assert json.loads(body)["data"]["images"] is None


def test_each_try_says_the_same() -> None:
    about = job("https://example.org/")
    later = replace(about, status=replace(about.status, callback=Callback(CallbackState.PENDING, tries=3)))
    assert payload.make_body(about, "") == payload.make_body(later, "")
    assert b'"job_url":"/api/jobs/job"' in payload.make_body(about, "")


def send_as(caller: str, hooks: Receiver, secrets: WebhookSecrets) -> Response:
    about = replace(job(hooks.url()), labels={"imagejobs.dev/caller": caller})
    return asyncio.run(WebhookSender(AddressGuard(LOOPBACK), secrets, "", utc_now).send(about, MESSAGE))


def test_a_callers_own_secrets_alone_sign_its_callbacks(hooks: Receiver, tmp_path: Path) -> None:
    (tmp_path / "shop").write_text(f"{OLD_SECRET},{ANOTHER}\n")
    secrets = WebhookSecrets((SECRET,), tmp_path)
    assert (
        send_as("shop", hooks, secrets).kind is ResponseKind.FAILED
    )  # this receiver knows the secret of all
    assert send_as("blog", hooks, secrets).kind is ResponseKind.DELIVERED
    for hooks.secret in (OLD_SECRET, ANOTHER):
        assert send_as("shop", hooks, secrets).kind is ResponseKind.DELIVERED
    assert [len(each.headers["webhook-signature"].split()) for each in hooks.messages] == [1, 2, 2]


def test_a_changed_secret_counts_from_the_next_callback_on(hooks: Receiver, tmp_path: Path) -> None:
    (tmp_path / "shop").write_text(OLD_SECRET)
    assert send_as("shop", hooks, WebhookSecrets((), tmp_path)).kind is ResponseKind.FAILED
    (tmp_path / "shop").write_text(SECRET)
    assert send_as("shop", hooks, WebhookSecrets((), tmp_path)).kind is ResponseKind.DELIVERED


@pytest.mark.parametrize(
    "text",
    ["", "whsec_short", SECRET + ",hunter2", "\xff", SECRET + " " * 2000 + "x"],
    ids=["empty", "short", "no secret", "binary", "long"],
)
def test_broken_secrets_of_a_caller_are_neither_shown_nor_replaced_by_those_of_all(
    hooks: Receiver, tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "shop").write_text(text, encoding="latin-1")
    assert send_as("shop", hooks, WebhookSecrets((SECRET,), tmp_path))[:2] == (
        ResponseKind.FAILED,
        "the caller's secrets cannot be read",
    )
    (line,) = caplog.records
    assert "hunter2" not in str(line.__dict__)
    assert SECRET not in str(line.__dict__)
    assert (hooks.messages, hooks.refusals) == ([], [])


@pytest.mark.parametrize("caller", ["../shop", "..", ".", "Shop", "shop/x", "", "..data"])
def test_a_label_that_names_no_caller_leads_to_no_file(hooks: Receiver, tmp_path: Path, caller: str) -> None:
    folder = tmp_path / "secrets"
    (folder / "..data").mkdir(parents=True)
    for place in (tmp_path / "shop", folder / "Shop"):
        place.write_text(OLD_SECRET)
    assert send_as(caller, hooks, WebhookSecrets((SECRET,), folder)).kind is ResponseKind.DELIVERED


def test_without_any_secret_nothing_is_sent(hooks: Receiver, tmp_path: Path) -> None:
    assert send_as("blog", hooks, WebhookSecrets((), tmp_path))[:2] == (
        ResponseKind.FAILED,
        "there is no secret to sign it with",
    )
    assert (hooks.messages, hooks.refusals) == ([], [])
