"""Security headers, CORS, allowed hosts and trusted proxies: closed unless the settings open them."""

import socket

import httpx2
import pytest

from support.api.forms import JPEG
from support.api.process import Api
from support.api.routes import routes

SHOP = "https://shop.example.org"


@pytest.fixture(scope="module")
def open_to_shop(service):
    """An API for one host, one origin, and a proxy on this machine."""
    settings = {
        "ALLOWED_HOSTS": "images.example.org, *.shop.example.org",
        "CORS_ORIGINS": SHOP,
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    api = Api(service.environ | settings)
    yield api
    api.stop()


def ask(
    api: Api, method: str = "GET", path: str = "/api/jobs", host: str = "images.example.org", **headers: str
) -> httpx2.Response:
    return httpx2.request(
        method,
        api.url + path,
        headers={"Host": host} | {name.replace("_", "-"): value for name, value in headers.items()},
    )


@pytest.mark.parametrize("route", [*routes(), "GET /nowhere", "BREW /api/jobs"], ids=str)
def test_every_answer_has_the_security_headers(service, route):
    method, path = str(route).split(" ")
    answer = service.http.request(method, path.replace("{identifier}", "nothing"))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src" in answer.headers["Content-Security-Policy"]
    assert "Server" not in answer.headers


def test_other_origins_may_not_read_unless_they_are_named(service, open_to_shop):
    assert (
        "Access-Control-Allow-Origin" not in service.http.get("/api/jobs", headers={"Origin": SHOP}).headers
    )
    assert "Access-Control-Allow-Origin" not in ask(open_to_shop, Origin="https://evil.example.org").headers
    answer = ask(open_to_shop, Origin=SHOP)
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_cache_keeps_the_answers_for_each_origin_apart(service, open_to_shop):
    for path in ("/api/openapi.json", "/docs"):
        assert ask(open_to_shop, path=path).headers["Vary"] == "Origin"
        assert ask(open_to_shop, path=path, Origin=SHOP).headers["Vary"] == "Origin"
    assert "Vary" not in service.http.get("/docs").headers


def test_a_browser_may_ask_first(open_to_shop, service):
    asked = {
        "Origin": SHOP,
        "Access_Control_Request_Method": "POST",
        "Access_Control_Request_Headers": "authorization",
    }
    answer = ask(open_to_shop, "OPTIONS", "/api/resize", **asked)
    assert answer.status_code == 200
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization"
    assert (
        "Access-Control-Allow-Origin"
        not in service.http.options("/api/resize", headers={"Origin": SHOP}).headers
    )


@pytest.mark.parametrize(
    ("host", "status"),
    [("images.example.org", 200), ("Images.Example.org:8080", 200), ("a.shop.example.org", 200)],
)
def test_the_hosts_that_are_named_are_served(open_to_shop, host, status):
    assert ask(open_to_shop, host=host).status_code == status


@pytest.mark.parametrize(
    "host", ["evil.example.org", "127.0.0.1", "shop.example.org", "images.example.org.evil.org", "x"]
)
def test_other_hosts_are_not_served_but_probes_are(open_to_shop, host):
    answer = ask(open_to_shop, host=host)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    assert ask(open_to_shop, path="/healthz", host=host).status_code == 200


def test_what_a_proxy_says_counts_only_if_the_proxy_is_known(open_to_shop, service):
    said = {"X_Forwarded_Proto": "https", "X_Forwarded_For": "203.0.113.9"}
    made = service.client.job_id()
    assert (
        ask(open_to_shop, path=f"/api/jobs/{made}", **said)
        .json()["progress_url"]
        .startswith("https://images.example.org/")
    )
    plain = service.http.get(
        f"/api/jobs/{made}", headers={"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example.org"}
    )
    assert plain.json()["progress_url"].startswith(service.api.url)


@pytest.mark.parametrize("host", ["localhost:8080", "images.localhost", "127.0.0.1", "[::1]:8080"])
def test_without_keys_a_machine_answers_to_its_own_names(service, host):
    assert ask(service.api, host=host).status_code == 200


@pytest.mark.parametrize("host", ["evil.example.org", "localhost.evil.example.org", "0.0.0.0", "192.168.1.2"])
def test_without_keys_a_machine_answers_to_no_name_that_was_bent_to_lead_to_it(service, host):
    answer = ask(service.api, host=host)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    assert "ALLOWED_HOSTS" in answer.json()["detail"]


def test_the_page_of_another_site_cannot_send_images_to_a_machine_without_keys(service):
    said = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example.org"}
    answer = service.client.post_image(headers=said)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert service.http.get("/api/jobs", headers=said).status_code == 200  # which its page cannot read


@pytest.mark.parametrize(
    "said",
    [
        {"Origin": "http://evil.example.org"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
def test_neither_can_a_page_of_another_origin_with_or_without_fetch_metadata(service, said):
    """Browsers tell `Sec-Fetch-Site` to https and localhost only, and `Origin` with every write."""
    for answer in (
        service.client.post_image(headers=said),
        service.client.post_job({"prefix": "photos/"}, said),
        service.http.delete("/api/jobs/nothing", headers=said),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("said", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}], ids=str)
def test_programs_and_own_pages_may_send(service, said):
    assert service.client.post_image(headers=said).status_code == 200
    assert service.client.post_image(headers=said | {"Origin": service.api.url}).status_code == 200


def test_behind_a_proxy_that_ends_tls_the_own_page_may_send(service):
    said = {"Host": "images.localhost", "Origin": "https://images.localhost"}
    assert service.client.post_image(headers=said).status_code == 200


@pytest.mark.parametrize("host", ["a:b", "[::1", "a b", "a/b", "me@a", "a:123456", "é"])
def test_a_host_that_nobody_can_take_apart_is_a_bad_request(open_to_shop, host):
    sent = f"GET /api/jobs HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", open_to_shop.port), timeout=10) as connection:
        connection.sendall(sent)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_a_site_that_is_named_may_send(open_to_shop):
    said = {"Host": "images.example.org", "Sec-Fetch-Site": "cross-site", "Origin": SHOP}
    assert (
        httpx2.post(
            open_to_shop.url + "/api/resize", files={"image": ("a.jpg", JPEG)}, headers=said
        ).status_code
        == 200
    )
