"""Requests made from the OpenAPI document, over the whole stack: `make fuzz-api` for half a minute."""

import json

import httpx2
import pytest

from support.api.fuzz import fuzz, target

SECONDS = 25


@pytest.fixture(scope="module")
def environ(tmp_path_factory):
    with target(tmp_path_factory.mktemp("fuzz")) as running:
        yield running


def test_the_api_and_its_document_say_the_same(environ):
    done = fuzz(environ, "--max-time", str(SECONDS), "--seed", "1", "--generation-deterministic")
    assert done.returncode == 0, done.stdout
    assert "Tested: 0" not in done.stdout


def test_a_document_that_promises_more_than_there_is_is_found_out(environ, tmp_path):
    whole = httpx2.get(f"{environ['FUZZ_URL']}/api/openapi.json").json()
    whole["components"]["schemas"]["Jobs"]["required"].append("total")
    (tmp_path / "openapi.json").write_text(json.dumps(whole))
    done = fuzz(
        environ,
        "--include-operation-id",
        "listJobs",
        "--max-examples",
        "5",
        document=tmp_path / "openapi.json",
    )
    assert (done.returncode, "Response violates schema" in done.stdout) == (1, True)
