"""The OpenAPI document: valid, whole, and that of the running server.

That answers are as it says, every test of the API holds (`held_answers`).
"""

import re

import httpx2
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from imagejobs_api.openapi.components import Components
from imagejobs_api.openapi.document import document
from imagejobs_api.settings import Settings
from imagejobs_api.view.spec_view import VariantBody
from imagejobs_contract.codes import Code
from imagejobs_contract.model.options import NAMES
from imagejobs_contract.reader import Reader
from support.api import openapi_check
from support.api.process import Api
from support.api.routes import routes

CALLERS = {"CALLERS_FILE": "callers.yaml"}
SECRET = {"WEBHOOK_SECRETS": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}


def made(environ: dict[str, str] | None = None):
    return document(Settings.read(Reader(environ or {})))


def operations(whole):
    return [
        (method, path, each) for path, methods in whole["paths"].items() for method, each in methods.items()
    ]


@pytest.mark.parametrize(
    "environ", [{}, CALLERS, SECRET, {"PUBLIC_URL": "https://images.example.org"}], ids=str
)
def test_the_document_is_valid(environ):
    OpenAPIV31SpecValidator(made(environ)).validate()


def test_every_route_is_in_the_document_and_every_call_of_the_document_is_a_route():
    wired = {(each.method.lower(), re.sub(r"\{\w+\}", "{id}", each.path)) for each in routes()}
    told = {(method, re.sub(r"\{\w+\}", "{id}", path)) for method, path, _ in operations(made())}
    assert {each for each in wired if each[0] != "head"} == told
    assert {("get", path) for method, path in wired if method == "head"} <= told


def test_callbacks_are_told_of_where_they_can_be_asked_for():
    assert "webhooks" not in made()
    assert all(
        "imagejob.finished" in made(environ)["webhooks"]
        for environ in (SECRET, {"WEBHOOK_SECRETS_DIR": "/etc/hooks"})
    )


def test_what_needs_no_key_is_what_the_gate_lets_through():
    open_routes = [each for each in routes() if each.is_public or each.is_by_link]
    public = {re.sub(r"\{\w+\}", "{id}", each.path) for each in open_routes}
    told = [path for _, path, each in operations(made(CALLERS)) if "security" not in each]
    assert {re.sub(r"\{\w+\}", "{id}", path) for path in told} == public


def test_without_callers_nothing_tells_of_keys():
    whole = made()
    assert "securitySchemes" not in whole["components"]
    assert not any("security" in each or "401" in each["responses"] for _, _, each in operations(whole))


def test_what_writes_may_be_refused_to_keys_that_read_and_to_pages_of_other_sites():
    for whole in (made(), made(CALLERS)):
        assert all(("403" in each["responses"]) == (method != "get") for method, _, each in operations(whole))


def test_every_id_is_one_of_its_own_and_fit_for_generated_clients():
    ids = [each["operationId"] for _, _, each in operations(made())]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-z][A-Za-z]+", each) for each in ids)


def test_every_code_is_told():
    assert made()["components"]["schemas"]["Code"]["enum"] == [each.value for each in Code]


def test_every_schema_parameter_and_option_says_what_it_is():
    whole = made(SECRET)
    schemas = whole["components"]["schemas"]
    options = [
        each
        for name in (
            "ResizeRequest",
            "CropRequest",
            "BatchRequest",
            "UrlRequest",
            "JobRequest",
            "UploadRequest",
            "PartUploadRequest",
        )
        for each in schemas[name]["properties"].values()
    ]
    types = [schema for name, schema in schemas.items() if not name.endswith(("Request", "Form"))]
    parameters = [parameter for *_, each in operations(whole) for parameter in each["parameters"]]
    assert all(
        each.get("description")
        for each in [*options, *types, *parameters, *[each for *_, each in operations(whole)]]
    )


def test_a_variant_is_told_with_every_option():
    assert set(VariantBody.__annotations__) == {"name", *NAMES}


def test_limits_are_those_of_the_running_configuration():
    schemas = made({"MAX_BATCH_FILES": "7", "MAX_FILE_BYTES": "12345"})["components"]["schemas"]
    images = schemas["BatchRequest"]["properties"]["images"]
    assert images["maxItems"] == schemas["UrlBatchRequest"]["properties"]["urls"]["maxItems"] == 7
    assert "12345 bytes" in images["items"]["description"]


def test_a_callback_is_an_option_only_where_it_can_be_signed():
    assert "callback" not in made()["components"]["schemas"]["ResizeRequest"]["properties"]
    assert "callback" in made(SECRET)["components"]["schemas"]["ResizeRequest"]["properties"]


def test_a_crop_takes_no_fit_and_needs_both_sides():
    crop = made()["components"]["schemas"]["CropRequest"]
    assert crop["required"] == ["image", "width", "height"]
    assert not {"fit", "gravity"} & crop["properties"].keys()


def test_a_type_that_json_does_not_have_is_refused():
    with pytest.raises(TypeError, match="complex"):
        Components().schema_of(complex)


def test_the_server_tells_its_own_document_to_everybody(service, tmp_path):
    file = tmp_path / "callers.json"
    file.write_text('{"callers": [{"name": "shop", "keys": [{"sha256": "%s"}]}]}' % ("0" * 64))
    api = Api(service.environ | {"CALLERS_FILE": str(file), "MAX_BATCH_FILES": "3"})
    try:
        told = httpx2.get(f"{api.url}/api/openapi.json").json()
        assert told == made(CALLERS | {"MAX_BATCH_FILES": "3"}) | {"servers": [{"url": api.url}]}
    finally:
        api.stop()


def test_who_has_the_document_is_told_that_it_is_as_it_was(service):
    first = service.http.get("/api/openapi.json")
    assert first.headers["Cache-Control"] == "public, max-age=300"
    again = service.http.get("/api/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert service.http.get("/api/openapi.json", headers={"If-None-Match": '"other"'}).status_code == 200


def test_an_answer_that_is_not_as_the_document_says_is_found():
    request = httpx2.Request("GET", "http://127.0.0.1/api/progress/j1")
    body = {
        "job_id": "j1",
        "state": "Running",
        "progress": 1,
        "total": 1,
        "done": 0,
        "failed": 0,
        "error": None,
    }
    openapi_check.check(request, httpx2.Response(200, json=body))
    for wrong in ({"state": "Walking"}, {"progress": 101}, {"total": None}, {"more": 1}):
        with pytest.raises(AssertionError):
            openapi_check.check(request, httpx2.Response(200, json=body | wrong))
    with pytest.raises(AssertionError, match="no such status"):
        openapi_check.check(request, httpx2.Response(418, json={}))


def test_every_field_has_a_schema_that_is_an_object():
    """`false` is a schema of JSON Schema that oapi-codegen cannot read."""

    def fields(value):
        if isinstance(value, dict):
            yield from (each for each in value.get("properties", {}).values())
            for each in value.values():
                yield from fields(each)
        elif isinstance(value, list):
            for each in value:
                yield from fields(each)

    found = list(fields(made(CALLERS | SECRET)["components"]["schemas"]))
    assert len(found) > 100
    assert all(isinstance(each, dict) for each in found)
