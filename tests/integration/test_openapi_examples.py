"""Every example of the OpenAPI document is sent; status and shape of the answer equal the documented ones."""

import json

import httpx2
import jsonschema_rs
import pytest

from imagejobs_api.openapi.examples import EXAMPLES
from imagejobs_api.openapi.examples.images import SITE
from imagejobs_api.openapi.examples.names import ABSENT, BATCH, CALLED, IMAGE_JOB, UNENDED
from imagejobs_api.openapi.examples.uploads import PANORAMA_BYTES, SENT, UNSENT
from imagejobs_api.openapi.examples.webhooks import FINISHED
from imagejobs_contract.model.limits import MIN_PART_BYTES
from support.api import openapi_check
from support.api.json_shape import differences
from support.clock.waiting import eventually
from support.servers import local_stack
from support.servers.image_server import image_site
from support.servers.webhook_receiver import SECRET, receiver

CASES = [
    pytest.param(operation, example, id=f"{operation}-{example.name}")
    for operation, found in EXAMPLES.items()
    for example in found
]
FILES = {
    "large.jpg": local_stack.photo(1600, 900),
    "bridge.jpg": local_stack.photo(900, 736, seed=1),
    "portrait.jpg": local_stack.photo(900, 600, seed=2),
    "notes.txt": b"notes, and no image",
}


@pytest.fixture(scope="module")
def site():
    with image_site() as running:
        running.bodies |= {f"/{name}": data for name, data in FILES.items()}
        yield running


@pytest.fixture(scope="module")
def hook():
    with receiver() as running:
        yield running


@pytest.fixture(scope="module")
def http(site, hook, tmp_path_factory):
    loopback = dict.fromkeys(("ALLOWED_PRIVATE_SOURCES", "ALLOWED_PRIVATE_CALLBACKS"), "127.0.0.0/8")
    environ = loopback | {"ALLOWED_PORTS": f"80,443,{site.port},{hook.port}", "WEBHOOK_SECRETS": SECRET}
    with (
        local_stack.running(
            tmp_path_factory.mktemp("examples") / "data", "--workers", "1", environ=environ
        ) as stack,
        httpx2.Client(base_url=stack.url, timeout=60) as client,
    ):
        yield client


@pytest.fixture
def ids(http):
    """The ids of the examples -> real ones: a finished job, and a batch whose last file is no image."""
    wait = {"Prefer": "wait=60"}
    one = http.post(
        "/api/resize", files={"image": ("large.jpg", FILES["large.jpg"])}, data={"width": "300"}, headers=wait
    ).json()
    names = ("bridge.jpg", "portrait.jpg", "notes.txt")
    many = http.post(
        "/api/batch",
        files=[("images", (name, FILES[name])) for name in names],
        data={"width": "400"},
        headers=wait,
    ).json()
    return {IMAGE_JOB: one["job_id"], BATCH: many["batch_job_id"], ABSENT: ABSENT}


@pytest.fixture(scope="module")
def called(http, hook):
    """A finished job whose callback was delivered."""
    form = {"width": "400", "callback": hook.url()}
    job = http.post(
        "/api/resize",
        files={"image": ("large.jpg", FILES["large.jpg"])},
        data=form,
        headers={"Prefer": "wait=60"},
    ).json()["job_id"]
    eventually(lambda: http.get(f"/api/jobs/{job}").json()["callback"]["state"] == "Delivered", 60)
    return job


@pytest.fixture
def uploads(http):
    """The uploads of the examples -> real ones: a file with all parts sent, and one with none."""
    panorama = {"name": "panorama.jpg", "size": PANORAMA_BYTES, "part_size": MIN_PART_BYTES}
    sent, unsent = http.post("/api/uploads", json={"files": [panorama, panorama]}).json()["files"]
    for part in sent["multipart"]["parts"]:
        assert httpx2.put(part["url"], content=bytes(part["size"])).status_code == 200
    pairs = [(SENT, sent), (UNSENT, unsent)]
    return {told["key"]: real["key"] for told, real in pairs} | {
        told["multipart_id"]: real["multipart"]["multipart_id"] for told, real in pairs
    }


@pytest.fixture
def unended(http, site):
    """A job of which one image has its result; its other's server makes it wait."""
    site.bodies["/held.jpg"] = FILES["portrait.jpg"]
    site.hold("/held.jpg")
    items = [{"url": site.url("/bridge.jpg")}, {"url": site.url("/held.jpg")}]
    job = http.post("/api/jobs", json={"items": items, "variants": [{"width": 400}]}).json()["job_id"]
    eventually(lambda: http.get(f"/api/jobs/{job}").json()["estimated_remaining_seconds"] is not None, 60)
    yield job
    site.release("/held.jpg")


@pytest.fixture
def suspended(http, unended):
    """The same, made to wait."""
    http.post(f"/api/jobs/{unended}/suspend")
    eventually(lambda: http.get(f"/api/jobs/{unended}").json()["state"] == "Suspended", 60)
    return unended


@pytest.fixture
def real(request, identifier, ids, site):
    """What stands for the names in the examples."""
    found = ids | {SITE: site.url("")}
    made = {
        "repeatCallback": (CALLED, "called"),
        "suspendJob": (UNENDED, "unended"),
        "resumeJob": (UNENDED, "suspended"),
    }
    if identifier in made:
        name, fixture = made[identifier]
        found[name] = request.getfixturevalue(fixture)
    return found | (
        request.getfixturevalue("uploads") if identifier in ("completeUpload", "abortUpload") else {}
    )


def operation(identifier):
    paths = openapi_check.full_document()["paths"]
    return next(
        (method, path, each)
        for path, methods in paths.items()
        for method, each in methods.items()
        if each["operationId"] == identifier
    )


def request_of(http, identifier, example, real):
    method, path, told = operation(identifier)
    places = {parameter["name"]: parameter["in"] for parameter in told["parameters"]}
    given = {
        place: {n: v for n, v in example.parameters.items() if places[n] == place}
        for place in ("path", "query", "header")
    }
    for name, value in given["path"].items():
        job, _, image = value.partition("-")
        path = path.replace(f"{{{name}}}", "-".join(filter(None, [real[job], image])))
    query = {n: v if isinstance(v, str) else json.dumps(v) for n, v in given["query"].items()}
    headers = given["header"] | ({"Accept": example.accept} if example.accept else {})
    return http.build_request(method, path, params=query, headers=headers, **body(told, example, real))


def body(told, example, real):
    if not example.fields:
        return {}
    text = json.dumps(dict(example.fields))
    for name, value in real.items():
        text = text.replace(name, value)
    fields, kind = json.loads(text), example.content_type or next(iter(told["requestBody"]["content"]))
    if kind != "multipart/form-data":
        return {"json" if kind == "application/json" else "data": fields}
    files = [
        (name, file)
        for name, value in fields.items()
        for file in (value if isinstance(value, list) else [value])
        if file in FILES
    ]
    texts = [(name, (None, str(value))) for name, value in fields.items() if name not in dict(files)]
    return {"files": [*texts, *((name, (file, FILES[file])) for name, file in files)]}


@pytest.mark.parametrize(("identifier", "example"), CASES)
def test_an_example_is_answered_as_the_document_shows(http, real, identifier, example):
    asked = request_of(http, identifier, example, real)
    answer = http.send(asked)
    assert answer.status_code == example.status, answer.text
    openapi_check.check(asked, answer)
    if isinstance(example.answer, dict):
        assert differences(example.answer, answer.json()) == []
    elif example.accept:
        assert [
            differences(json.loads(told), json.loads(line))
            for told, line in lines_of(example.answer, answer.text)
        ] == [[]]
    elif example.answer:
        assert [line.split(":")[0] for line in answer.text.splitlines()] == [
            line.split(":")[0] for line in example.answer.splitlines()
        ]
    elif "content" not in openapi_check.resolve(operation(identifier)[2]["responses"][str(example.status)]):
        assert answer.content == b""


def lines_of(told, answered):
    return list(zip(told.splitlines(), answered.splitlines(), strict=True))


def test_a_callback_brings_what_the_document_shows(called, hook):
    message = next(each.body for each in hook.wait_for(1) if each.body["data"]["job_id"] == called)
    openapi_check.check_message(message)
    openapi_check.check_message(FINISHED)
    assert differences(FINISHED, message) == []


@pytest.mark.parametrize(("identifier", "example"), CASES)
def test_an_example_is_right_by_the_documents_own_schema(identifier, example):
    whole, (_, _, told) = openapi_check.full_document(), operation(identifier)
    if example.fields and not example.is_invalid:
        sent = told["requestBody"]["content"]
        assert (
            problems(
                (sent[example.content_type] if example.content_type else next(iter(sent.values())))["schema"],
                dict(example.fields),
            )
            == []
        )
    content = openapi_check.resolve(told["responses"][str(example.status)]).get("content", {})
    if isinstance(example.answer, dict):
        assert problems(next(iter(content.values()))["schema"], example.answer) == []
    for line in example.answer.splitlines() if example.accept else ():
        assert problems(content[example.accept]["schema"], json.loads(line)) == []
    assert whole["openapi"].startswith("3.1")


def problems(schema, value):
    validator = jsonschema_rs.Draft202012Validator(
        schema | {"components": openapi_check.full_document()["components"]}, validate_formats=True
    )
    return [each.message for each in validator.iter_errors(value)]


def test_every_call_has_an_example_but_those_that_answer_pages():
    ids = {
        each["operationId"]
        for methods in openapi_check.full_document()["paths"].values()
        for each in methods.values()
    }
    # Under a watch link the answers are those of the same calls by id.
    watched = {each for each in ids if each.startswith("watch")}
    assert ids - watched - EXAMPLES.keys() == {
        "getOpenApi",
        "getDocs",
        "getDocsScript",
        "getPage",
        "getJobPage",
        "getPageAsset",
    }
    assert EXAMPLES.keys() <= ids
