"""POST /api/jobs: images by key, URL, prefix and manifest, and which keys a caller may name."""

import json

import pytest

from imagejobs_contract.model import names
from imagejobs_contract.model.options import Fit, MaxSizeBy, Variant
from support.api.forms import JPEG

ENVIRON = {"SOURCE_PREFIXES": "photos/,wide", "OUTPUT_PREFIXES": "sites"}
URL = "https://images.example.org/api-site/b.jpg"
ID = names.new_job_id()
"""Of an upload of this minute: the API refuses what is older than a day."""
OWN = f"uploads/default.{ID}"


@pytest.fixture(scope="module", autouse=True)
def photos(service):
    """What the bucket holds: the service's callers may read `photos/` and `wide/`, not `secret/`."""
    keys = [
        "photos/a.jpg",
        "photos/b.jpg",
        "photos/2026/c.jpg",
        "photos/2026/d.png",
        "secret/x.jpg",
        f"{OWN}/0/e.jpg",
        "api-site/b.jpg",
    ]
    for key in keys:
        service.put_object(key, JPEG)
    service.put_object("photos/empty.jpg", b"")
    service.put_object("photos/folder/", b"")


def faults(answer):
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_options"), answer.text
    return {each["where"]: each["what"] for each in answer.json()["errors"]}


def test_keys_and_urls_become_images_with_several_results_each(service):
    variants = [
        {"name": "small", "width": 200},
        {"name": "large", "width": 900, "format": "webp", "max_size": "200kB", "max_size_by": "scale"},
    ]
    body = {
        "items": [{"key": "photos/a.jpg"}, {"url": URL, "name": "bridge.jpg"}],
        "variants": variants,
        "name": "Spring sale",
    }
    answer, job = service.finish_job(body)
    assert [(item.name, item.key, item.url) for item in job.spec.items] == [
        ("a.jpg", "photos/a.jpg", None),
        ("bridge.jpg", None, URL),
    ]
    assert job.spec.variants == (
        Variant("small", 200),
        Variant("large", 900, max_size=200_000, max_size_by=MaxSizeBy.SCALE,
                format=job.spec.variants[1].format),
    )  # fmt: skip
    assert (answer["state"], answer["total"], answer["done"], answer["name"]) == (
        "Succeeded",
        2,
        2,
        "Spring sale",
    )
    assert answer["results_url"] == f"{service.api.url}/api/jobs/{answer['job_id']}/results"


def test_what_a_caller_calls_a_job_comes_back_wherever_the_job_is_told_of(service):
    answer, _ = service.finish_job({"items": [{"key": "photos/a.jpg"}], "name": 'Spring "sale" ü'})
    listed = {each["job_id"]: each for each in service.http.get("/api/jobs?limit=100").json()["jobs"]}[
        answer["job_id"]
    ]
    assert (
        answer["name"],
        listed["name"],
        service.http.get(f"/api/jobs/{answer['job_id']}").json()["name"],
    ) == ('Spring "sale" ü',) * 3


def test_a_job_is_accepted_at_once_and_its_progress_is_where_location_says(service):
    service.worker.pause()
    answer = service.client.post_job({"items": [{"key": "photos/a.jpg"}], "variants": [{"width": 9}]})
    assert (answer.status_code, answer.json()["state"]) == (202, "Pending")
    assert answer.headers["Location"] == answer.json()["progress_url"]
    assert service.http.get(answer.headers["Location"]).json()["total"] == 1


def test_everything_that_an_imagejob_may_say_is_said_in_snake_case(service):
    body = {
        "items": [{"key": "photos/a.jpg"}],
        "variants": [{"width": 10, "height": 10, "fit": "cover", "keep_metadata": True}],
        "output": {"cache_control": "max-age=60", "deletion_policy": "Delete"}, "execution": "Pool",
        "parallelism": 3, "items_per_pod": 50,
        "retry": {"attempts": 5}, "max_failed_items": 1, "suspend": True, "active_deadline_seconds": 77,
        "ttl_seconds_after_finished": 88,
        "queue_name": "team-a", "priority_class_name": "low", "profile": "Large",
    }  # fmt: skip
    service.worker.pause()
    job = service.worker.job(service.client.post_job(body).json()["job_id"])
    spec = job.spec
    assert (spec.variants[0].fit, spec.variants[0].keep_metadata) == (Fit.COVER, True)
    assert job.finalizers == (names.FINALIZER,)  # or its outputs would not go with it
    assert (spec.output.cache_control, spec.output.deletion_policy, spec.output.prefix) == (
        "max-age=60",
        "Delete",
        None,
    )
    assert (
        spec.execution,
        spec.parallelism,
        spec.items_per_pod,
        spec.attempts,
        spec.max_failed_items,
        spec.suspend,
    ) == ("Pool", 3, 50, 5, 1, True)
    assert (spec.active_deadline_seconds, spec.ttl_seconds_after_finished) == (77, 88)
    assert (spec.queue_name, spec.priority_class_name, spec.profile) == ("team-a", "low", "Large")


def test_every_fault_is_told_at_once_under_the_name_that_was_sent(service):
    body = {
        "items": [{"key": "photos/a.jpg", "url": URL}, {"key": "secret/x.jpg"}, {"url": "http://10.0.0.1/"},
        {}, 7],
        "variants": [{"max_size": "huge", "maxSize": 1}, {"fit": "cover"}],
        "output": {"cache_control": "\n", "prefix": "elsewhere/"}, "items_per_pod": 0, "itemsPerPod": 1,
        "retry": {"times": 2}, "retry_failed": 1,
        "priority_class_name": "system-cluster-critical", "callback": "https://shop.example.org/hook",
        "cancel": True,
    }  # fmt: skip
    assert set(faults(service.client.post_job(body))) == {
        "items[0].key", "items[1].key", "items[2].url", "items[3].key", "items[4]", "variants[0].max_size",
        "variants[0].maxSize",
        "variants[1].fit", "variants[1].name", "output.cache_control", "output.prefix", "items_per_pod",
        "itemsPerPod", "retry.times",
        "retry_failed", "priority_class_name", "callback.url", "cancel",
    }  # fmt: skip


SECRETS = [
    "secret/x.jpg", "photos/../secret/x.jpg", "photos//a.jpg", "photos/./a.jpg", "photos/..",
    "photosecret/x.jpg", "photos/..\\secret\\x.jpg",
    f"uploads/{ID}/0", f"uploads/other.{ID}/0/a.jpg", "uploads/default/0", "uploads/",
    f"{OWN}/../../secret/x.jpg",
    "jobs/some-uid/spec.json", f"outputs/{ID}/a.jpg", "\u202ephotos/a.jpg", "PHOTOS/a.jpg",
    "\uff50hotos/a.jpg", "%70hotos/a.jpg",
]  # fmt: skip


@pytest.mark.parametrize("key", SECRETS, ids=lambda key: key.replace(ID, "ID"))
def test_what_is_not_the_callers_own_and_not_configured_is_never_read(service, key):
    before = len(service.worker.jobs())
    assert list(faults(service.client.post_job({"items": [{"key": key}]}))) == ["items[0].key"]
    assert list(faults(service.client.post_job({"manifest": {"key": key}}))) == ["manifest.key"]
    assert list(faults(service.client.post_job({"prefix": key}))) == ["prefix"]
    assert len(service.worker.jobs()) == before


def test_a_key_below_an_open_prefix_that_climbs_out_of_it_is_told_so(service):
    told = faults(
        service.client.post_job({"items": [{"key": "photos/../secret/x.jpg"}, {"key": "secret/x.jpg"}]})
    )
    assert "a part that is empty, . or .." in told["items[0].key"]
    assert "what begins with uploads/default. or photos/" in told["items[1].key"]


@pytest.mark.parametrize(
    "key", ["/photos/a.jpg", "photos/\x00a.jpg", "photos/\n", "", "photos/" + "a" * 1024, "photos/\ud800"]
)
def test_an_invalid_key_is_refused(service, key):
    body = json.dumps({"items": [{"key": key}]}).encode()
    answer = service.http.post("/api/jobs", content=body, headers={"Content-Type": "application/json"})
    assert list(faults(answer)) == ["items[0].key"]


UPWARDS = ["photos/%2e%2e/secret/x.jpg", "photos/..%2fsecret/x.jpg", "photos/%252e%252e/secret/x.jpg"]


@pytest.mark.parametrize("key", UPWARDS)
def test_an_escaped_way_up_is_a_literal_key_that_does_not_exist(service, key):
    answer, _ = service.finish_job({"items": [{"key": key}]})
    assert (
        service.http.get(f"/api/jobs/{answer['job_id']}").json()["failures"][0]["code"] == "source_not_found"
    )


@pytest.mark.parametrize(
    "prefix", ["uploads/x", "jobs/x", "outputs/x", "outputs", "elsewhere", "sitesx", "sites/../jobs"]
)
def test_results_go_where_that_was_configured_only(service, prefix):
    assert "output.prefix" in faults(
        service.client.post_job({"items": [{"key": "photos/a.jpg"}], "output": {"prefix": prefix}})
    )


def test_results_go_under_a_prefix_that_was_configured(service):
    service.finish_job({"items": [{"key": "photos/a.jpg"}], "output": {"prefix": "sites/shop"}})
    assert service.keys("sites/") == ["sites/shop/a.jpg"]


def test_own_uploads_may_be_read(service):
    assert service.finish_job({"items": [{"key": f"{OWN}/0/e.jpg"}]})[1].spec.items[0].name == "e.jpg"


def test_a_folder_is_every_object_in_it_that_holds_something(service):
    _, job = service.finish_job({"prefix": "photos"})
    assert {item.key: item.name for item in job.spec.items} == {
        "photos/2026/c.jpg": "2026/c.jpg", "photos/2026/d.png": "2026/d.png", "photos/a.jpg": "a.jpg",
        "photos/b.jpg": "b.jpg",
    }  # fmt: skip


def test_a_folder_without_images_is_named(service):
    service.put_object("photos/none/empty.jpg", b"")
    assert (
        faults(service.client.post_job({"prefix": "photos/none/"}))["prefix"]
        == "there are no images under photos/none/; 1 objects are empty or folders"
    )
    assert "there are no images" in faults(service.client.post_job({"prefix": "photos/nowhere"}))["prefix"]


def test_more_images_than_an_imagejob_holds_go_into_a_manifest_that_goes_with_the_job(service):
    answer, job = service.finish_job({"items": [{"key": "photos/a.jpg"}] * 501})
    assert (answer["total"], job.spec.items, job.spec.manifest.count) == (501, (), 501)
    assert job.spec.manifest.key == job.annotations[names.ANNOTATION_UPLOADS] + "manifest.jsonl"
    assert json.loads(job.annotations[names.ANNOTATION_SOURCES]) == ["uploads/default.", "photos/", "wide/"]
    lines = (
        service.s3_client.get_object(Bucket=service.s3.bucket, Key=job.spec.manifest.key)["Body"]
        .read()
        .splitlines()
    )
    assert json.loads(lines[0]) == {"name": "a.jpg", "key": "photos/a.jpg"}
    assert len({json.loads(line)["name"] for line in lines}) == 501


def test_a_manifest_of_the_callers_is_copied_and_counted(service):
    lines = [json.dumps({"key": "photos/a.jpg", "name": f"{n}.jpg"}) for n in range(3)]
    service.put_object(f"{OWN}/1/list.jsonl", "\n".join(lines).encode())
    for count in ({}, {"count": 3}):
        _, job = service.finish_job({"manifest": {"key": f"{OWN}/1/list.jsonl"} | count})
        assert job.spec.manifest.count == 3
        assert job.spec.manifest.key == job.annotations[names.ANNOTATION_UPLOADS] + "manifest.jsonl"


def test_blank_lines_of_a_manifest_are_not_counted(service):
    line = json.dumps({"key": "photos/a.jpg"})
    service.put_object(f"{OWN}/1/blank.jsonl", f"\r\n{line}\r\n\n \t\n{line}\r\n\r\n".encode())
    for count in ({}, {"count": 2}):
        _, job = service.finish_job({"manifest": {"key": f"{OWN}/1/blank.jsonl"} | count})
        assert job.spec.manifest.count == 2


def test_an_image_of_a_manifest_is_saved_under_its_own_name_which_is_cleaned_as_all_are(service):
    names_given = ["a/Été.png", "exe.\u202egpj\u0007.jpg", ""]
    service.put_object(
        f"{OWN}/1/names.jsonl",
        "\n".join(
            json.dumps({"key": "photos/a.jpg"} | ({"name": each} if each else {})) for each in names_given
        ).encode(),
    )
    answer, _ = service.finish_job({"manifest": {"key": f"{OWN}/1/names.jsonl"}})
    links = [service.http.get(f"/api/download/{answer['job_id']}-{n}").headers["Location"] for n in range(3)]
    listed = service.http.get(f"/api/jobs/{answer['job_id']}/results").json()["results"]
    told = [
        service.http.get(link).headers["Content-Disposition"]
        for link in [*links, *(each["outputs"][0]["download_url"] for each in listed)]
    ]
    assert (
        told
        == [
            "inline; filename=\"_t_.jpg\"; filename*=UTF-8''%C3%89t%C3%A9.jpg",
            'inline; filename="exe.gpj.jpg"',
            'inline; filename="2.jpg"',
        ]
        * 2
    )


@pytest.mark.parametrize(
    ("data", "count", "where", "told"),
    [(None, None, "manifest.key", "there is nothing"), (b"", None, "manifest.key", "0 bytes"),
     (b"{}\n" * 4, 3, "manifest.count", "has 4 lines"),
     (b"{}\n\n" * 4, 8, "manifest.count", "has 4 lines, blank ones aside"),
     (b"\r\n \n", None, "manifest.key", "blank lines only"),
     (b"x" * 20_000, None, "manifest.key", "line 1 is longer")],
    ids=["missing", "empty", "another count", "a count of blank lines", "blank lines only", "long line"],
)  # fmt: skip
def test_a_manifest_that_cannot_be_run_is_refused_and_nothing_is_kept(service, data, count, where, told):
    key = f"{OWN}/2/{told.replace(' ', '-')}"
    if data is not None:
        service.put_object(key, data)
    before = service.keys("uploads/")
    assert told in faults(service.client.post_job({"manifest": {"key": key, "count": count}}))[where]
    assert service.keys("uploads/") == before


BAD = {
    "nothing": ({"json": {}}, 400, "invalid_options"),
    "no items": ({"json": {"items": []}}, 400, "invalid_options"),
    "two of them": (
        {"json": {"items": [{"key": "photos/a.jpg"}], "prefix": "photos/"}},
        400,
        "invalid_options",
    ),
    "no object": ({"json": []}, 400, "malformed_request"),
    "a form": ({"data": {"prefix": "photos/"}}, 415, "unsupported_media_type"),
    "no JSON": ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "malformed_request"),
    "deep JSON": (
        {"content": b"[" * 100_000, "headers": {"Content-Type": "application/json"}},
        400,
        "malformed_request",
    ),
    "too large": (
        {"content": b" " * (4 * 2**20 + 1), "headers": {"Content-Type": "application/json"}},
        413,
        "payload_too_large",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_requests(service, name):
    more, status, code = BAD[name]
    answer = service.http.post("/api/jobs", **more)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_repeated_request_gets_the_first_ones_job_and_makes_no_second_list(service):
    key = {"Idempotency-Key": "spring"}
    body = {"items": [{"key": "photos/a.jpg"}] * 501}
    first, _ = service.finish_job(body, key)
    before = service.keys("uploads/")
    again = service.client.post_job(body, key)
    assert (again.json()["job_id"], service.keys("uploads/")) == (first["job_id"], before)
    assert service.client.post_job({"prefix": "photos/"}, key).json()["code"] == "idempotency_mismatch"


TOKEN = "Bearer s3cr3t-of-a-source"
"""A header that nobody but the source's host may see."""


def with_token(token=TOKEN):
    return {"items": [{"url": URL, "headers": {"Authorization": token}}, {"key": "photos/a.jpg"}]}


def test_headers_of_a_source_stand_in_the_manifest_only(service):
    answer, job = service.finish_job(with_token())
    key = job.spec.manifest.key
    lines = service.s3_client.get_object(Bucket=service.s3.bucket, Key=key)["Body"].read().splitlines()
    assert json.loads(lines[0]) == {"name": "b.jpg", "url": URL, "headers": {"Authorization": TOKEN}}
    assert json.loads(lines[1]) == {"name": "a.jpg", "key": "photos/a.jpg"}
    shown = [json.dumps(answer), json.dumps(job.to_body())]
    shown += [
        service.http.get(path).text
        for path in (f"/api/jobs/{job.key.name}", f"/api/jobs/{job.key.name}/results")
    ]
    assert "s3cr3t" not in "".join(shown) + json.dumps(service.api.lines)


def test_a_renewed_token_makes_no_other_request_of_a_repeated_one(service):
    key = {"Idempotency-Key": "renewed"}
    first, _ = service.finish_job(with_token(), key)
    again = service.client.post_job(with_token("Bearer another"), key)
    assert again.json()["job_id"] == first["job_id"]
    other = service.client.post_job({"items": [{"url": URL, "headers": {"Cookie": "a=b"}}]}, key)
    assert other.json()["code"] == "idempotency_mismatch"


def test_headers_do_not_go_through_the_pool(service):
    told = faults(service.client.post_job({**with_token(), "execution": "Pool"}))
    assert told == {"execution": "is Job where an image has headers, which the pool's tasks do not hold"}
