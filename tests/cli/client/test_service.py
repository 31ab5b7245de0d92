"""A busy or absent server is asked again, under the same key; a refusal is said in the server's words."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from imagejobs.client.service import MAX_TRIES, Service, ServiceError


class Server(ThreadingHTTPServer):
    """Gives the answers of a list, one after the other, and keeps the headers that came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.seen: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def do_GET(self) -> None:
        self.server.seen.append(dict(self.headers))
        status, headers, body = self.server.answers.pop(0)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def service(server, pauses) -> Iterator[Service]:
    service = Service(server.url, "ijk_key", pauses.append)
    yield service
    service.close()


DONE = (202, {}, json.dumps({"batch_job_id": "j1"}).encode())


def test_a_busy_server_is_asked_again_when_it_says_under_the_same_key(server, service, pauses):
    server.answers = [(503, {"Retry-After": "7"}, b""), (429, {}, b"{}"), DONE]
    assert service.send_urls(["https://example.org/a.jpg"], {"width": "8"}) == "j1"
    assert pauses == [7.0, 2.0]
    assert len({each["Idempotency-Key"] for each in server.seen}) == 1
    assert {each["Authorization"] for each in server.seen} == {"Bearer ijk_key"}


def test_two_calls_have_two_keys(server, service):
    server.answers = [DONE, DONE]
    service.send_urls(["https://example.org/a.jpg"], {})
    service.send_urls(["https://example.org/a.jpg"], {})
    assert len({each["Idempotency-Key"] for each in server.seen}) == 2


def test_a_server_that_stays_busy_is_given_up(server, service, pauses):
    server.answers = [(429, {"Retry-After": "9999"}, b"")] * MAX_TRIES
    with pytest.raises(ServiceError, match="answers 429"):
        service.send_urls(["https://example.org/a.jpg"], {})
    assert pauses == [60.0] * (MAX_TRIES - 1)


def test_a_refusal_is_not_repeated_and_said_in_the_servers_words(server, service, pauses):
    body = json.dumps({"title": "No.", "detail": "width: is 0.", "advice": "Take 1."}).encode()
    server.answers = [(400, {}, body)]
    with pytest.raises(ServiceError, match=r"width: is 0\. Take 1\."):
        service.send_urls(["https://example.org/a.jpg"], {})
    assert pauses == []


def test_a_server_that_is_not_there_is_asked_again_and_then_named(pauses):
    gone = Service("http://127.0.0.1:1", "", pauses.append)
    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:1 does not answer"):
        gone.wait("j1")
    gone.close()
    assert len(pauses) == MAX_TRIES - 1


def test_all_pages_of_results_are_read(server, service):
    pages = [{"results": [1, 2], "next_cursor": "2"}, {"results": [3], "next_cursor": None}]
    server.answers = [(200, {}, json.dumps(each).encode()) for each in pages]
    assert list(service.results("j1")) == [1, 2, 3]


def test_a_file_is_saved_whole_or_not_at_all_and_without_the_key(server, service, tmp_path):
    server.answers = [(200, {}, b"picture"), (403, {}, b"expired")]
    service.save(f"{server.url}/a", tmp_path / "new" / "a.jpg")
    assert (tmp_path / "new" / "a.jpg").read_bytes() == b"picture"
    with pytest.raises(ServiceError):
        service.save(f"{server.url}/b", tmp_path / "new" / "b.jpg")
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["a.jpg"]
    assert not any("Authorization" in each for each in server.seen)
