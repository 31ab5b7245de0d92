"""Watch links: one job for whoever has the link, without a key; nothing else, and never in a log."""

import io
import json
import sqlite3
import zipfile

import httpx2
import pytest

from imagejobs_api.callers import api_keys
from imagejobs_api.page.site import load_site
from support.api.client import ASYNC, WAIT, ApiClient
from support.api.fake_worker import BROKEN
from support.api.forms import JPEG
from support.api.process import Api
from support.clock.waiting import eventually

SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
LINK_SECONDS = 600
KEY, OTHER = api_keys.new_key(), api_keys.new_key()


@pytest.fixture(scope="module")
def api(service, tmp_path_factory):
    """An API with callers and a secret for watch links, on the service's parts."""
    file = tmp_path_factory.mktemp("callers") / "callers.json"
    callers = [
        {"name": "shop", "keys": [{"sha256": api_keys.digest(KEY)}]},
        {"name": "blog", "keys": [{"sha256": api_keys.digest(OTHER)}]},
    ]
    file.write_text(json.dumps({"callers": callers}))
    variables = {"CALLERS_FILE": str(file), "WATCH_SECRETS": SECRET, "LINK_SECONDS": str(LINK_SECONDS)}
    api = Api(service.environ | variables)
    yield api
    api.stop()


@pytest.fixture
def shop(service, api) -> ApiClient:
    """The API's calls with the shop's key."""
    return ApiClient(service.http, api.url, KEY)


def finished_batch(shop: ApiClient) -> dict:
    files = [("a.jpg", JPEG), ("b.jpg", JPEG), ("c.jpg", JPEG + BROKEN)]
    return shop.post_batch(files, headers=WAIT).json()


def get(url: str, **more) -> httpx2.Response:
    return httpx2.get(url, timeout=30, **more)


def test_a_link_shows_progress_results_failures_and_archive_without_a_key(shop):
    link = finished_batch(shop)["watch_url"]
    job = get(link).json()
    assert (job["state"], job["done"], job["failed"]) == ("PartiallySucceeded", 2, 1)
    assert [each["name"] for each in job["failures"]] == ["c.jpg"]
    results = get(job["results_url"]).json()["results"]
    assert [each["state"] for each in results] == ["Succeeded", "Succeeded", "Failed"]
    archive = zipfile.ZipFile(io.BytesIO(get(job["archive_url"]).content))
    assert {"a.jpg", "b.jpg"} <= set(archive.namelist())
    assert '"state": "PartiallySucceeded"' in get(job["events_url"]).text


def test_pages_of_results_follow_each_other_below_the_link(shop):
    link = finished_batch(shop)["watch_url"]
    first = get(f"{link}/results", params={"limit": 2})
    assert first.links["next"]["url"].startswith(f"{link}/results?")
    assert len(get(first.links["next"]["url"]).json()["results"]) == 1


def test_a_download_url_works_without_a_key_before_and_after_the_result_exists(service, shop):
    service.worker.pause()
    body = shop.post_image(headers=ASYNC).json()
    assert get(body["download_url"]).status_code == 409
    service.worker.resume()
    answer = eventually(lambda: (it := get(body["download_url"])).status_code == 307 and it)
    assert get(answer.headers["Location"]).headers["Content-Type"] == "image/jpeg"


def test_links_to_results_end_with_the_watch_link(shop):
    body = finished_batch(shop)
    link = get(f"{body['watch_url']}/download/0").headers["Location"]
    seconds = int(httpx2.URL(link).params["X-Amz-Expires"])
    assert LINK_SECONDS - 60 < seconds <= LINK_SECONDS


def test_a_download_by_link_may_be_one_to_save(shop):
    path = f"{finished_batch(shop)['watch_url']}/download/0?attachment=true"
    kind = get(get(path).headers["Location"]).headers["Content-Disposition"]
    assert kind.startswith("attachment; filename=")


def test_head_of_a_download_works_through_to_s3(shop):
    path = f"{finished_batch(shop)['watch_url']}/download/0"
    answer = httpx2.head(httpx2.head(path).headers["Location"])
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/jpeg")


def test_every_answer_about_a_job_has_a_link(shop):
    identifier = finished_batch(shop)["batch_job_id"]
    listed = next(each for each in shop.get("/api/jobs").json()["jobs"] if each["job_id"] == identifier)
    for link in (shop.get(f"/api/jobs/{identifier}").json()["watch_url"], listed["watch_url"]):
        assert get(link).json()["job_id"] == identifier


@pytest.mark.parametrize("part", ["", "/events", "/results", "/archive", "/download/0"])
@pytest.mark.parametrize("damage", [lambda it: it[:-1], lambda it: it[:-1] + "~", lambda it: "B" + it[1:]])
def test_a_link_that_is_not_whole_opens_nothing(shop, part, damage):
    link = finished_batch(shop)["watch_url"]
    answer = get(damage(link.rpartition("/watch/")[2]).join([link.rpartition("/")[0] + "/", part]))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_link_only_reads(shop, method):
    link = finished_batch(shop)["watch_url"]
    assert httpx2.request(method, link, timeout=30).status_code == 405


def test_a_link_is_no_key_for_any_other_call(shop, api):
    link = finished_batch(shop)["watch_url"]
    ticket = link.rpartition("/")[2]
    answer = get(f"{api.url}/api/jobs", headers={"Authorization": f"Bearer {ticket}"})
    assert answer.status_code == 401


def test_a_link_ends_with_its_job_also_if_another_job_gets_the_name(shop):
    again = {"Idempotency-Key": "watch-again"} | WAIT
    first = shop.post_image(headers=again).json()
    assert shop.request("DELETE", f"/api/jobs/{first['job_id']}").status_code == 204
    eventually(lambda: get(first["watch_url"]).status_code == 404)
    second = shop.post_image(headers=again).json()
    assert second["job_id"] == first["job_id"]
    assert get(second["watch_url"]).status_code == 200
    assert get(first["watch_url"]).status_code == 404


def test_an_expired_link_says_so(service, api, shop):
    brief = Api(service.environ | {"WATCH_SECRETS": SECRET, "LINK_SECONDS": "1"})
    link = ApiClient(service.http, brief.url).post_image(headers=WAIT).json()["watch_url"]
    answer = eventually(lambda: (it := get(link)).status_code == 410 and it)
    assert answer.json()["code"] == "link_expired"
    brief.stop()


def test_an_event_stream_ends_with_the_link(service):
    brief = Api(service.environ | {"WATCH_SECRETS": SECRET, "LINK_SECONDS": "2"})
    service.worker.pause()
    link = ApiClient(service.http, brief.url).post_image(headers=ASYNC).json()["watch_url"]
    assert '"state": "Pending"' in get(f"{link}/events").text  # the stream ended, although the job has not
    brief.stop()


def test_a_link_outlives_a_change_of_secrets_while_the_old_one_is_still_there(service, api, shop):
    link = finished_batch(shop)["watch_url"].removeprefix(api.url)
    for secrets, status in ((f"{'x' * 32},{SECRET}", 200), ("x" * 32, 404)):
        changed = Api(service.environ | {"WATCH_SECRETS": secrets})
        assert get(changed.url + link).status_code == status
        changed.stop()


def test_without_a_secret_there_are_no_links(service):
    assert service.client.post_image(headers=WAIT).json()["watch_url"] is None


def test_no_log_line_and_no_row_holds_a_ticket(service, api, shop):
    link = finished_batch(shop)["watch_url"]
    ticket = link.rpartition("/")[2]
    for part in ("", "/results", "/download/0", "/nowhere"):
        get(link + part)
    paths = eventually(lambda: [it["path"] for it in api.events("request") if "nowhere" in it["path"]])
    assert paths == ["/watch/.../nowhere"]
    assert ticket not in json.dumps(api.lines)
    with sqlite3.connect(service.store_path) as store:
        assert not any(ticket in dump for dump in store.iterdump())


def test_each_link_has_its_own_share_of_the_requests(service):
    few = {"WATCH_SECRETS": SECRET, "MAX_CALLER_REQUESTS_PER_MINUTE": "3"}
    api = Api(service.environ | few)
    client = ApiClient(service.http, api.url)
    links = [client.post_image(headers=WAIT).json()["watch_url"] for _ in range(2)]
    assert [get(links[0]).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert get(links[1]).status_code == 200
    api.stop()


def test_a_browser_gets_the_page_even_for_a_link_that_has_ended(shop, api):
    html = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for link in (finished_batch(shop)["watch_url"], f"{api.url}/watch/nothing"):
        answer = get(link, headers=html)
        built = load_site() is not None
        assert answer.headers["Content-Type"].startswith("text/html") == built
        assert get(link).headers["Content-Type"] in ("application/json", "application/problem+json")
