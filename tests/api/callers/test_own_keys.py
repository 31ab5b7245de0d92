"""Two callers, one bucket: neither reads what is the other's, and each only where it was let."""

import json

import httpx2
import pytest

from imagejobs_api.callers import api_keys, keyring
from imagejobs_contract.errors import Invalid
from imagejobs_contract.model import names
from support.api.forms import JPEG
from support.api.process import Api

SHOP, BLOG = api_keys.new_key(), api_keys.new_key()
ID = names.new_job_id()
"""Of an upload of this minute: the API refuses uploads that are older than a day."""


@pytest.fixture(scope="module")
def guarded(service, tmp_path_factory):
    """An API with two callers: both may read `for-all`, and `shop` has a prefix to read and one to write."""
    file = tmp_path_factory.mktemp("callers") / "callers.json"
    shop = {
        "name": "shop",
        "keys": [{"sha256": api_keys.digest(SHOP)}],
        "source_prefixes": ["of-shop"],
        "output_prefixes": ["web/"],
    }
    file.write_text(
        json.dumps({"callers": [shop, {"name": "blog", "keys": [{"sha256": api_keys.digest(BLOG)}]}]})
    )
    for key in (
        "of-shop/a.jpg",
        "for-all/a.jpg",
        f"uploads/default.shop.{ID}/0/a.jpg",
        f"uploads/default.blog.{ID}/0/a.jpg",
        f"uploads/{ID}/0",
    ):
        service.put_object(key, JPEG)
    api = Api(service.environ | {"CALLERS_FILE": str(file), "SOURCE_PREFIXES": "for-all"})
    yield api
    api.stop()


def may(api, key, body):
    answer = httpx2.post(
        f"{api.url}/api/jobs", headers={"Authorization": f"Bearer {key}"}, json=body, timeout=30
    )
    assert answer.status_code in (202, 400), answer.text
    return answer.status_code == 202


@pytest.mark.parametrize(
    ("place", "shop", "blog"),
    [("for-all/", True, True), ("of-shop/", True, False), (f"uploads/default.shop.{ID}/0/", True, False),
     (f"uploads/default.blog.{ID}/0/", False, True),
     ("uploads/", False, False), (f"uploads/{ID}/", False, False), ("uploads/default.", False, False),
     ("web/", False, False)],
    ids=lambda value: value.replace(ID, "ID") if isinstance(value, str) else None,
)  # fmt: skip
def test_each_reads_its_own(guarded, place, shop, blog):
    for body in ({"items": [{"key": f"{place}a.jpg"}]}, {"prefix": place}):
        assert [may(guarded, key, body) for key in (SHOP, BLOG)] == [shop, blog]


def test_each_writes_its_own(guarded):
    body = {"items": [{"key": "for-all/a.jpg"}], "output": {"prefix": "web/spring"}}
    assert [may(guarded, key, body) for key in (SHOP, BLOG)] == [True, False]


@pytest.mark.parametrize(
    "prefix",
    [
        "uploads/",
        "uploads/default.blog./",
        "u/../uploads",
        "jobs",
        "outputs/x",
        "",
        "/",
        "a//b",
        "/a",
        "a\\b",
        7,
    ],
)
@pytest.mark.parametrize("field", ["source_prefixes", "output_prefixes"])
def test_a_file_of_callers_cannot_open_what_is_kept_apart(field, prefix):
    text = json.dumps(
        {"callers": [{"name": "shop", "keys": [{"sha256": "0" * 64}], field: ["fine/", prefix]}]}
    )
    with pytest.raises(Invalid) as caught:
        keyring.read(text, "default")
    assert all(f"callers[0].{field}" in str(fault) or field in str(fault) for fault in caught.value.faults)


def test_a_sample_takes_the_file_of_no_image_of_another_caller(guarded):
    def sample(key, **fields):
        return httpx2.post(
            f"{guarded.url}/api/sample",
            headers={"Authorization": f"Bearer {key}", "Prefer": "respond-async"},
            files=fields,
            timeout=30,
        )

    made = sample(SHOP, image=("a.jpg", JPEG)).json()["job_id"]
    assert sample(BLOG, image_of=(None, made)).status_code == 404
    assert sample(SHOP, image_of=(None, made)).status_code == 202
