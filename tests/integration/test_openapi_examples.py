"""Every example of the OpenAPI document is sent to a whole stack; what is answered has the status and the shape that the document shows."""

import json

import httpx2
import jsonschema_rs
import pytest

import held_answers
import localstack
from image_site import image_site
from imagejobs_api.openapi.examples import EXAMPLES
from imagejobs_api.openapi.examples.images import SITE
from imagejobs_api.openapi.examples.names import ABSENT, BATCH, IMAGE_JOB
from same_shape import differences

CASES = [pytest.param(operation, example, id=f"{operation}-{example.name}") for operation, found in EXAMPLES.items() for example in found]
FILES = {
    "large.jpg": localstack.photo(1600, 900),
    "bridge.jpg": localstack.photo(900, 736, seed=1),
    "portrait.jpg": localstack.photo(900, 600, seed=2),
    "notes.txt": b"notes, and no image",
}


@pytest.fixture(scope="module")
def site():
    with image_site() as running:
        running.bodies |= {f"/{name}": data for name, data in FILES.items()}
        yield running


@pytest.fixture(scope="module")
def http(site, tmp_path_factory):
    reach = {"ALLOWED_PRIVATE_SOURCES": "127.0.0.0/8", "ALLOWED_PORTS": f"80,443,{site.port}"}
    with (
        localstack.running(tmp_path_factory.mktemp("examples") / "data", "--workers", "1", environ=reach) as stack,
        httpx2.Client(base_url=stack.url, timeout=60) as client,
    ):
        yield client


@pytest.fixture
def ids(http):
    """Real ids in the place of those of the examples: a finished job, and a finished batch whose last file is no image."""
    wait = {"Prefer": "wait=60"}
    one = http.post("/api/resize", files={"image": ("large.jpg", FILES["large.jpg"])}, data={"width": "300"}, headers=wait).json()
    names = ("bridge.jpg", "portrait.jpg", "notes.txt")
    many = http.post("/api/batch", files=[("images", (name, FILES[name])) for name in names], data={"width": "400"}, headers=wait).json()
    return {IMAGE_JOB: one["job_id"], BATCH: many["batch_job_id"], ABSENT: ABSENT}


def operation(identifier):
    paths = held_answers.whole()["paths"]
    return next((method, path, each) for path, methods in paths.items() for method, each in methods.items() if each["operationId"] == identifier)


def request(http, identifier, example, ids, site):
    method, path, told = operation(identifier)
    places = {parameter["name"]: parameter["in"] for parameter in told["parameters"]}
    given = {place: {n: v for n, v in example.parameters.items() if places[n] == place} for place in ("path", "query", "header")}
    for name, value in given["path"].items():
        job, _, image = value.partition("-")
        path = path.replace(f"{{{name}}}", "-".join(filter(None, [ids[job], image])))
    query = {name: json.dumps(value) for name, value in given["query"].items()}
    return http.build_request(method, path, params=query, headers=given["header"], **body(told, example.fields, site))


def body(told, fields, site):
    if not fields:
        return {}
    if "application/json" in told["requestBody"]["content"]:
        return {"json": json.loads(json.dumps(fields).replace(SITE, site.url("")))}
    files = [(name, file) for name, value in fields.items() for file in (value if isinstance(value, list) else [value]) if file in FILES]
    texts = {name: str(value) for name, value in fields.items() if name not in dict(files)}
    return {"files": [(name, (file, FILES[file])) for name, file in files], "data": texts}


@pytest.mark.parametrize(("identifier", "example"), CASES)
def test_an_example_is_answered_as_the_document_shows(http, site, ids, identifier, example):
    asked = request(http, identifier, example, ids, site)
    answer = http.send(asked)
    assert answer.status_code == example.status, answer.text
    held_answers.check(asked, answer)
    if isinstance(example.answer, dict):
        assert differences(example.answer, answer.json()) == []
    elif example.answer:
        assert [line.split(":")[0] for line in answer.text.splitlines()] == [line.split(":")[0] for line in example.answer.splitlines()]
    else:
        assert answer.content == b""


@pytest.mark.parametrize(("identifier", "example"), CASES)
def test_an_example_is_right_by_the_documents_own_schema(identifier, example):
    whole, (_, _, told) = held_answers.whole(), operation(identifier)
    if example.fields and not example.is_wrong:
        assert problems(next(iter(told["requestBody"]["content"].values()))["schema"], dict(example.fields)) == []
    content = held_answers.resolved(told["responses"][str(example.status)]).get("content", {})
    if isinstance(example.answer, dict):
        assert problems(next(iter(content.values()))["schema"], example.answer) == []
    assert whole["openapi"].startswith("3.1")


def problems(schema, value):
    validator = jsonschema_rs.Draft202012Validator(schema | {"components": held_answers.whole()["components"]}, validate_formats=True)
    return [each.message for each in validator.iter_errors(value)]


def test_every_call_has_an_example_but_those_that_answer_files_or_pages_and_those_that_need_parts_in_s3():
    ids = {each["operationId"] for methods in held_answers.whole()["paths"].values() for each in methods.values()}
    assert ids - EXAMPLES.keys() == {"getArchive", "getOpenApi", "getDocs", "completeUpload", "abortUpload"}
    assert EXAMPLES.keys() <= ids
