"""/api/jobs/{id}: read, suspend, resume, cancel, retry, delete; each writes a request into the ImageJob."""

from dataclasses import replace

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.model import names
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import Outcome, OutputFile
from imagejobs_contract.model.spec import DeletionPolicy, Output, Spec
from imagejobs_contract.model.status import State, Status, summarise_failures
from support.api.fake_worker import BROKEN
from support.api.forms import JPEG
from support.clock.waiting import eventually


def ended(
    service,
    state: State = State.PARTIALLY_SUCCEEDED,
    attempt: int = 1,
    finalizers=(),
    code: Code = Code.SOURCE_TIMEOUT,
    **spec,
) -> ImageJob:
    items = (Item("a.jpg", "a"), Item("b.jpg", "b"))
    key = JobKey("default", names.new_job_id())
    job = ImageJob(key, replace(Spec(items=items), **spec), finalizers=finalizers)

    def status(stored: ImageJob) -> Status:
        outputs = (OutputFile("default", f"{stored.prefix.rstrip('/')}/a.jpg", 4, 3, Format.JPEG, 5),)
        outcomes = (
            Outcome(0, "a.jpg", attempt, outputs=outputs),
            Outcome(1, "b.jpg", attempt, code),
        )
        return Status(
            state=state,
            attempt=attempt,
            counts=Counts(2, 0, 1, 1),
            outcomes=outcomes,
            failure_codes=(code.value,),
        )

    stored = service.store_job(job, status)
    service.put_object(stored.status.outcomes[0].outputs[0].key, b"hello", uid=stored.uid)
    return stored


def waiting(service, *, suspend: bool, state: State, cancel: bool = False) -> ImageJob:
    """Make a job that has not ended, as an operator left it in that state."""
    job = ImageJob(
        JobKey("default", names.new_job_id()),
        Spec(items=(Item("a.jpg", "a"),), suspend=suspend, cancel=cancel),
    )
    return service.store_job(job, Status(state=state, attempt=1, counts=Counts(1)))


def test_a_job_is_shown_in_the_words_of_the_options(service):
    identifier = service.client.batch_id(JPEG + BROKEN, JPEG, width=40, max_size="200kB", keep_metadata="yes")
    body = service.http.get(f"/api/jobs/{identifier}").json()
    assert body["spec"]["variants"] == [
        {"name": "default", "width": 40, "max_size": 200_000, "keep_metadata": True}
    ]
    assert body["spec"]["items"][1] == {"name": "1.jpg", "key": f"uploads/{identifier}/1"}
    assert body["spec"]["output"] == {"prefix": None, "cache_control": None, "deletion_policy": "Retain"}
    assert body["failures"] == [
        {"name": "0.jpg", "code": "corrupt_image", "message": "The image ends too early."}
    ]
    assert (body["state"], body["attempt"], body["deleting"], body["spec"]["manifest"]) == (
        "PartiallySucceeded",
        1,
        False,
        None,
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        *(("POST", f"/{verb}") for verb in ("suspend", "resume", "cancel", "retry")),
        ("GET", "/results"),
    ],
    ids=str,
)
def test_unknown_jobs_and_images_of_jobs_are_not_found(service, method, path):
    identifier = service.client.batch_id(JPEG)
    for each in ("nothing", f"{identifier}-0", "A%20B"):
        answer = service.http.request(method, f"/api/jobs/{each}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert service.http.get(f"/api/jobs/{identifier}").status_code == 200


@pytest.mark.parametrize(("verb", "suspend"), [("suspend", True), ("resume", False)])
def test_suspend_and_resume_ask_the_operator_once_and_may_be_repeated(service, verb, suspend):
    identifier = waiting(
        service, suspend=not suspend, state=State.PENDING if suspend else State.SUSPENDED
    ).key.name
    for _ in range(2):
        answer = service.http.post(f"/api/jobs/{identifier}/{verb}")
        assert (answer.status_code, answer.json()["spec"]["suspend"]) == (202, suspend)
        assert answer.headers["Location"] == f"{service.api.url}/api/progress/{identifier}"
    job = service.worker.job(identifier)
    assert (job.spec.suspend, job.generation) == (suspend, 2)


@pytest.mark.parametrize(("verb", "state"), [("suspend", State.SUSPENDED), ("resume", State.RUNNING)])
def test_suspend_or_resume_without_effect_changes_nothing(service, verb, state):
    identifier = waiting(service, suspend=verb == "suspend", state=state).key.name
    answer = service.http.post(f"/api/jobs/{identifier}/{verb}")
    assert (answer.status_code, answer.json()["state"], "Location" in answer.headers) == (200, state, False)
    assert service.worker.job(identifier).generation == 1


@pytest.mark.parametrize("verb", ["suspend", "resume"])
def test_an_ended_or_cancelled_job_can_be_neither_suspended_nor_resumed(service, verb):
    cancelled = waiting(service, suspend=verb == "resume", state=State.PENDING, cancel=True)
    for job, why in (
        (ended(service), "it is PartiallySucceeded"),
        (ended(service, State.CANCELLED, cancel=True), "Cancelled"),
        (cancelled, "being cancelled"),
    ):
        answer = service.http.post(f"/api/jobs/{job.key.name}/{verb}")
        assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (
            409,
            "conflict",
            False,
        )
        assert why in answer.json()["detail"]
        assert service.worker.job(job.key.name).generation == 1


def test_a_job_whose_failed_images_are_about_to_run_again_can_be_made_to_wait_first(service):
    identifier = ended(service, retry_failed=1).key.name
    assert service.http.post(f"/api/jobs/{identifier}/suspend").status_code == 202
    assert service.worker.job(identifier).spec.suspend is True


def test_cancel_asks_the_operator_once_and_may_be_repeated(service):
    service.worker.pause()
    identifier = service.client.batch_id(JPEG, wait=False)
    for _ in range(2):
        answer = service.http.post(f"/api/jobs/{identifier}/cancel")
        assert (answer.status_code, answer.json()["spec"]["cancel"], answer.json()["state"]) == (
            202,
            True,
            "Pending",
        )
        assert answer.headers["Location"] == f"{service.api.url}/api/progress/{identifier}"
    job = service.worker.job(identifier)
    assert (job.spec.cancel, job.generation) == (True, 2)


def test_a_cancelled_job_is_cancelled_already(service):
    job = ended(service, State.CANCELLED, cancel=True)
    answer = service.http.post(f"/api/jobs/{job.key.name}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "Cancelled")


def test_an_ended_job_cannot_be_cancelled(service):
    identifier = service.client.batch_id(JPEG)
    answer = service.http.post(f"/api/jobs/{identifier}/cancel")
    assert (
        answer.status_code,
        answer.json()["code"],
        answer.json()["retryable"],
        answer.json()["job_id"],
    ) == (409, "conflict", False, identifier)
    assert service.worker.job(identifier).spec.cancel is False


@pytest.mark.parametrize("attempt", [1, 3])
def test_retry_asks_for_one_more_attempt_however_often_it_is_asked(service, attempt):
    identifier = ended(service, attempt=attempt, retry_failed=attempt - 1).key.name
    for _ in range(2):
        answer = service.http.post(f"/api/jobs/{identifier}/retry")
        assert (answer.status_code, answer.json()["spec"]["retry_failed"]) == (202, attempt)
    assert service.worker.job(identifier).spec.retry_failed == attempt


def retried(service, identifier, *codes):
    answer = service.http.post(f"/api/jobs/{identifier}/retry", json={"codes": list(codes)})
    return answer.status_code, answer.json()


def test_a_job_of_which_no_image_can_succeed_is_retried_by_its_codes_only(service):
    identifier = ended(service, code=Code.CORRUPT_IMAGE).key.name
    answer = service.http.post(f"/api/jobs/{identifier}/retry")
    assert (answer.status_code, answer.json()["retryable"]) == (409, False)
    assert "corrupt_image" in answer.json()["detail"]
    status, body = retried(service, identifier, "no_face_found")
    assert (status, "corrupt_image" in body["detail"]) == (409, True)
    status, body = retried(service, identifier, "corrupt_image")
    assert (status, body["spec"]["retry_failed"], body["spec"]["retry_codes"]) == (202, 1, [])


def test_a_retry_of_some_codes_leaves_the_other_failures_as_they_are(service):
    items = (Item("a.jpg", "a"), Item("b.jpg", "b"), Item("c.jpg", "c"))
    codes = (Code.SOURCE_TIMEOUT, Code.STORAGE_ERROR, Code.CORRUPT_IMAGE)
    failed = tuple(Outcome(n, items[n].name, code=code) for n, code in enumerate(codes))
    failures, failure_codes = summarise_failures(failed)
    job = service.store_job(
        ImageJob(JobKey("default", names.new_job_id()), Spec(items=items)),
        Status(
            state=State.FAILED, attempt=1, counts=Counts(3, 0, 0, 3), outcomes=failed, failures=failures,
            failure_codes=failure_codes,
        ),
    )  # fmt: skip
    assert service.client.job(job.key.name).json()["failure_codes"] == sorted(codes)
    answer = service.http.post(f"/api/jobs/{job.key.name}/retry")
    assert answer.json()["spec"]["retry_codes"] == ["source_timeout", "storage_error"]
    states = [service.client.progress(f"{job.key.name}-{n}")["state"] for n in range(3)]
    assert states == ["Pending", "Pending", "Failed"]
    _, body = retried(service, job.key.name, "corrupt_image")  # before it has begun: all of them
    assert (body["spec"]["retry_failed"], len(body["spec"]["retry_codes"])) == (1, 3)


@pytest.mark.parametrize(
    "body", [{"codes": ["none"]}, {"codes": "source_timeout"}, {"code": ["source_timeout"]}], ids=str
)
def test_a_retry_of_what_is_no_code_is_refused(service, body):
    answer = service.http.post(f"/api/jobs/{ended(service).key.name}/retry", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_options")


def test_a_job_that_will_run_again_has_not_ended(service):
    identifier = ended(service).key.name
    answer = service.http.post(f"/api/jobs/{identifier}/retry")
    assert (answer.json()["state"], answer.json()["error"]) == ("Running", None)
    progress = service.client.progress(identifier)
    assert (progress["state"], progress["progress"], progress["done"], progress["failed"]) == (
        "Running",  # half of it is done
        50,
        1,
        0,
    )
    states = [service.client.progress(f"{identifier}-{n}")["state"] for n in range(2)]
    assert states == ["Succeeded", "Pending"]
    assert service.http.get(f"/api/download/{identifier}-1").status_code == 409


def test_jobs_that_cannot_be_retried(service):
    service.worker.max_images = 1
    running, whole = service.client.batch_id(JPEG, JPEG, wait=False), service.client.batch_id(JPEG)
    for identifier, retryable in (
        (running, True),
        (whole, False),
        (ended(service, State.CANCELLED, cancel=True).key.name, False),
    ):
        answer = service.http.post(f"/api/jobs/{identifier}/retry")
        assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (
            409,
            "conflict",
            retryable,
        )
        assert service.worker.job(identifier).spec.retry_failed == 0


def test_deleting_a_job_forgets_the_record_and_leaves_its_outputs(service):
    identifier = service.client.batch_id(JPEG)
    answer = service.http.delete(f"/api/jobs/{identifier}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert service.outputs(identifier) == ["0.jpg"]
    assert [
        service.http.get(f"/api/{path}/{identifier}").status_code for path in ("jobs", "progress", "download")
    ] == [404] * 3
    assert service.http.delete(f"/api/jobs/{identifier}").status_code == 404


def test_outputs_go_with_the_job_if_that_is_asked_for(service):
    identifier, other = service.client.batch_id(JPEG, JPEG), service.client.batch_id(JPEG)
    assert service.http.delete(f"/api/jobs/{identifier}?outputs=true").status_code == 204
    assert service.outputs(identifier) == []
    assert service.outputs(other) == ["0.jpg"]
    assert service.http.get(f"/api/jobs/{identifier}").status_code == 404


def test_of_a_chosen_prefix_only_the_jobs_own_outputs_are_deleted(service):
    job = ended(service, output=Output(prefix="sites/shop/"))
    service.put_object("sites/shop/logo.png", b"theirs")
    assert service.http.delete(f"/api/jobs/{job.key.name}?outputs=true").status_code == 204
    assert service.keys("sites/shop/") == ["sites/shop/logo.png"]


def test_the_outputs_of_a_job_whose_policy_is_delete_are_left_to_the_operator(service):
    job = ended(service, output=Output(deletion_policy=DeletionPolicy.DELETE), finalizers=(names.FINALIZER,))
    assert service.http.delete(f"/api/jobs/{job.key.name}?outputs=true").status_code == 204
    assert service.http.get(f"/api/jobs/{job.key.name}").json()["deleting"] is True
    assert service.outputs(job.key.name) != []


@pytest.mark.parametrize("state", [State.CANCELLED, State.FAILED])
def test_the_outputs_of_a_job_that_was_stopped_are_left_to_the_operator_which_waits_for_its_workers(
    service, state
):
    job = ended(service, state)
    for _ in range(2):
        assert service.http.delete(f"/api/jobs/{job.key.name}?outputs=true").status_code == 204
        assert service.http.get(f"/api/jobs/{job.key.name}").json()["deleting"] is True
    assert service.worker.job(job.key.name).finalizers == (names.FINALIZER,)
    assert service.outputs(job.key.name) != []


def test_a_stopped_job_whose_outputs_stay_is_forgotten_at_once(service):
    job = ended(service, State.CANCELLED)
    assert service.http.delete(f"/api/jobs/{job.key.name}").status_code == 204
    assert service.http.get(f"/api/jobs/{job.key.name}").status_code == 404
    assert service.outputs(job.key.name) != []


def test_the_outputs_of_a_running_job_cannot_be_deleted_but_its_record_can(service):
    service.worker.max_images = 1
    identifier = service.client.batch_id(JPEG, JPEG, wait=False)
    eventually(lambda: service.outputs(identifier))
    answer = service.http.delete(f"/api/jobs/{identifier}?outputs=true")
    assert (answer.status_code, answer.json()["retryable"], answer.headers["Retry-After"]) == (409, True, "1")
    assert service.outputs(identifier) != []
    assert service.http.delete(f"/api/jobs/{identifier}").status_code == 204


def test_a_bad_query_deletes_nothing(service):
    identifier = service.client.batch_id(JPEG)
    for query in ("outputs=perhaps", "output=true"):
        assert service.http.delete(f"/api/jobs/{identifier}?{query}").status_code == 400
    assert service.http.get(f"/api/jobs/{identifier}").status_code == 200
