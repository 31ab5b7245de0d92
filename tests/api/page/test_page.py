"""The page's files: their policy, their caching, and a server without them. web/e2e tests the rest."""

import gzip
from unittest.mock import Mock

import falcon.asgi
import falcon.testing
import pytest

from imagejobs_api.http import error_handlers
from imagejobs_api.http.connection import Request
from imagejobs_api.page.resource import MISSING, Assets, PageView
from imagejobs_api.page.site import load_site
from imagejobs_contract.errors import Unavailable

INDEX = "<!doctype html><script type=module src=/assets/index-1a2b.js></script>"
SCRIPT = "console.log('small')\n" * 50
LINK = "https://pictures.s3.example.org/none?X-Amz-Signature=1"


@pytest.fixture
def links() -> Mock:
    """The signer of links, of which only the host matters here."""
    return Mock(sign_sample=Mock(return_value=LINK))


@pytest.fixture
def page(tmp_path, links) -> falcon.testing.TestClient:
    """A server of a small page."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(INDEX)
    (tmp_path / "assets" / "index-1a2b.js").write_text(SCRIPT)
    return serve(load_site(tmp_path), links)


def serve(site, links) -> falcon.testing.TestClient:
    app: falcon.asgi.App = falcon.asgi.App(request_type=Request)
    error_handlers.install(app)
    view = PageView(site, links)
    app.add_route("/", view)
    app.add_route("/jobs/{ids}", view)
    app.add_route("/assets/{name}", Assets(site))
    return falcon.testing.TestClient(app)


@pytest.mark.parametrize("path", ["/", "/jobs/j1,j2"])
def test_the_page_may_run_its_own_scripts_only_and_show_pictures_of_s3(page, path):
    answer = page.simulate_get(path)
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert answer.text == INDEX
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == (
        "'none'",
        "'self'",
        "'self'",
    )
    assert policy["img-src"].split() == ["'self'", "blob:", "data:", "https://pictures.s3.example.org"]


def test_a_signer_that_fails_once_is_asked_again(page, links):
    links.sign_sample.side_effect = [Unavailable("no credentials"), LINK, AssertionError]
    policies = [page.simulate_get("/").headers["content-security-policy"] for _ in range(3)]
    assert ["s3.example.org" in each for each in policies] == [False, True, True]


def test_an_asset_is_compressed_for_those_who_take_it_and_cached_for_good(page):
    plain = page.simulate_get("/assets/index-1a2b.js")
    zipped = page.simulate_get("/assets/index-1a2b.js", headers={"Accept-Encoding": "gzip, br"})
    assert plain.text == SCRIPT
    assert zipped.headers["content-encoding"] == "gzip"
    assert gzip.decompress(zipped.content).decode() == SCRIPT
    assert len(zipped.content) < len(SCRIPT)
    assert "immutable" in zipped.headers["cache-control"]
    assert (plain.headers["vary"], zipped.headers["vary"]) == ("Accept-Encoding", "Accept-Encoding")
    assert plain.headers["etag"] != zipped.headers["etag"]


def test_the_page_is_asked_for_each_time_and_sent_once(page):
    first = page.simulate_get("/")
    again = page.simulate_get("/", headers={"If-None-Match": first.headers["etag"]})
    assert (first.headers["cache-control"], again.status_code, again.content) == ("no-cache", 304, b"")


@pytest.mark.parametrize("name", ["..", "index.html", "%2e%2e%2findex.html", "absent.js"])
def test_only_the_assets_of_the_page_are_served(page, name):
    assert page.simulate_get(f"/assets/{name}").status_code == 404


def test_a_server_without_the_page_says_so(links):
    answer = serve(None, links).simulate_get("/")
    assert (answer.status_code, answer.json["detail"]) == (404, MISSING)
    assert serve(None, links).simulate_get("/assets/index-1a2b.js").status_code == 404
