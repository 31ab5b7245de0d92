"""No side door: no port of `imagejobs local` answers another user or a web page that has no secret.

The test walks every port that any process of the stack listens on, and tries to read, write and delete there.
"""

import contextlib
import http.client
import json
import socket
import ssl
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from imagejobs.local import certificate
from support.clock import shifted_clock
from support.servers import local_stack

KEY = "ijk_" + "k" * 43
CALLERS = {
    "callers": [{"name": "alice", "keys": [{"name": "web", "sha256": sha256(KEY.encode()).hexdigest()}]}]
}
SECONDS = 3.0
EVIL = "http://evil.example"
PAGES = {"a user": {}, "a page": {"Origin": EVIL}, "a rebound page": {"Origin": EVIL, "Host": "evil.example"}}
S3_SAYS_IT_LIVES = {"/status", "/healthz", "/readyz"}
"""SeaweedFS's S3 answers these with an empty 200 to everybody, and has no option against it."""
LISTEN = "0A"
REDIS = ("PING", "KEYS *", "CONFIG GET *", "SET side door", "XADD tasks * a b", "FLUSHALL", "SHUTDOWN NOSAVE")
GRPC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
"""The preface of HTTP/2 and an empty SETTINGS frame; a server that serves it sends SETTINGS, type 4."""


@dataclass(frozen=True)
class Picture:
    """A result of the guarded API, which no side door may give away or change."""

    link: str
    data: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.link).path

    def is_unchanged(self) -> bool:
        return httpx2.get(self.link, timeout=30).content == self.data


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local_stack.LocalStack]:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "callers.json").write_text(json.dumps(CALLERS))
    with local_stack.running(
        folder / "data", environ={"CALLERS_FILE": str(folder / "callers.json")}
    ) as running:
        yield running


@pytest.fixture(scope="module")
def picture(stack) -> Picture:
    answer = httpx2.post(
        f"{stack.url}/api/resize",
        files={"image": ("photo.jpg", local_stack.photo(320, 240))},
        data={"width": "64"},
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    link = answer.json()["download_url"]
    return Picture(link, httpx2.get(link, timeout=30).content)


def family(stack: local_stack.LocalStack) -> list[int]:
    return [stack.pid, *local_stack.descendants(stack.pid)]


def sockets(stack: local_stack.LocalStack) -> set[str]:
    """Return the inodes of all sockets that a process of the stack holds."""
    found = set()
    for pid in family(stack):
        for each in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                if (target := str(each.readlink())).startswith("socket:["):
                    found.add(target[8:-1])
    return found


def listening(stack: local_stack.LocalStack) -> list[int]:
    """Return every TCP port that a process of the stack listens on."""
    ours, ports = sockets(stack), set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN and fields[9] in ours:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return sorted(ports)


def say(port: int, data: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """Send bytes and return the first bytes of the answer; b"" if the server closes, or refuses by TLS."""
    try:
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=SECONDS))
            if context:
                connection = stack.enter_context(context.wrap_socket(connection))
            connection.sendall(data)
            return connection.recv(65_536)
    except OSError:
        return b""


def ask(port: int, method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    """Return status and headers of an answer; 0 for none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        body = b"side door" if method in ("PUT", "POST") else None
        # What a page may send without asking first.
        connection.request(method, path, body, {"Content-Type": "text/plain", **headers} if body else headers)
        answer = connection.getresponse()
        answer.read(65_536)
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    except (OSError, http.client.HTTPException):
        return 0, {}
    finally:
        connection.close()


def ways(picture: Picture) -> list[tuple[str, str]]:
    """Return requests that read, write and delete, in the language of each of the servers."""
    reads = [
        "/", "/status", "/healthz", "/readyz", "/metrics", "/debug/pprof/", "/ui/index.html", "/stats/disk",
        "/buckets/imagejobs/?limit=3", f"/buckets{picture.path}", f"/buckets{picture.path}?metadata=true",
        picture.path, "/imagejobs?list-type=2", "/imagejobs?cors", "/?Action=ListUsers",
        "/dir/assign?collection=imagejobs", "/dir/lookup?volumeId=1", "/dir/status", "/vol/status",
        "/cluster/status", "/1,01637037d6", "/api/jobs", "/.tus/", "/etc/seaweedfs/filer.conf",
    ]  # fmt: skip
    writes = [
        f"/buckets{picture.path}", picture.path, "/buckets/imagejobs/outputs/planted.jpg",
        "/imagejobs/outputs/planted.jpg", "/1,01637037d6", "/submit", "/vol/grow?count=1",
        "/col/delete?collection=imagejobs", "/api/resize", "/?Action=CreateUser&UserName=a",
    ]  # fmt: skip
    deletes = [
        f"/buckets{picture.path}",
        picture.path,
        "/buckets/imagejobs/?recursive=true",
        "/imagejobs",
        "/1,01637037d6",
    ]
    tries = [(method, path) for path in reads for method in ("GET", "HEAD", "OPTIONS")]
    tries += [(method, path) for path in writes for method in ("PUT", "POST")]
    # Master: GET changes things, too.
    tries += [("GET", "/col/delete?collection=none"), ("GET", "/vol/grow?count=1")]
    return tries + [("DELETE", path) for path in deletes]


def is_empty_of_everything(method: str, path: str, status: int) -> bool:
    """Return whether S3's answer is about no bucket: a refusal that it gives to everybody, or that it lives.

    SeaweedFS lets every page read these, and has no option against it.
    """
    if path.startswith("/imagejobs") and method != "POST":
        return False
    return status >= 400 or path in S3_SAYS_IT_LIVES


def test_the_walk_sees_every_part(stack):
    shifted_clock.skip_beside("SeaweedFS")  # moto stands in for it, which is no part of the family
    ports = listening(stack)
    named = {urlsplit(stack.fact(name)).port for name in ("API", "S3", "Redis")}
    assert named < set(ports)
    # Master, volume and filer with their gRPC, and S3's.
    assert len(ports) >= len(named) + 7


def test_no_port_reads_writes_or_deletes_for_another_user_or_a_page(stack, picture):
    api, s3 = (urlsplit(stack.fact(name)).port for name in ("API", "S3"))
    open_doors = []
    for port in listening(stack):
        for method, path in ways(picture):
            for who, headers in PAGES.items():
                status, answered = ask(port, method, path, headers)
                if port == api and not path.startswith("/api"):
                    # Page, documentation and health checks are for everybody; they say nothing of jobs.
                    status = 0
                if port == s3 and path in S3_SAYS_IT_LIVES:
                    status = 0
                # OPTIONS allows something only by its headers.
                if method != "OPTIONS" and 200 <= status < 400:
                    open_doors.append(f"{port} {method} {path} as {who}: {status}")
                allowed = answered.get("access-control-allow-origin")
                if allowed and not (port == s3 and is_empty_of_everything(method, path, status)):
                    open_doors.append(f"{port} {method} {path} as {who}: readable by {allowed}")
    assert open_doors == []
    assert picture.is_unchanged()


@pytest.mark.parametrize("shows", ["no certificate", "a certificate of its own"])
def test_no_port_speaks_tls_with_who_lacks_the_certificate(stack, shows, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if shows != "no certificate":
        pair = certificate.make_key_pair("imagejobs local")
        (tmp_path / "pair").write_text(pair.certificate + pair.key)
        context.load_cert_chain(tmp_path / "pair")
    question = b"GET /status HTTP/1.0\r\n\r\n"
    for protocols, data in ((["http/1.1"], question), (["h2"], GRPC)):
        context.set_alpn_protocols(protocols)
        assert {port: answer for port in listening(stack) if (answer := say(port, data, context))} == {}


def test_no_port_speaks_grpc_without_tls(stack):
    answers = {port: say(port, GRPC) for port in listening(stack)}
    assert [port for port, answer in answers.items() if answer[3:4] == b"\4"] == []


def test_no_port_speaks_redis_without_the_password(stack, picture):
    port = urlsplit(stack.fact("Redis")).port
    for command in REDIS:
        assert say(port, command.encode() + b"\r\n").startswith(b"-NOAUTH"), command
    page = b"POST / HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\n\r\nFLUSHALL\r\n"
    assert not say(port, page).startswith((b"+", b"$", b"*"))
    assert picture.is_unchanged()


def test_files_are_their_owners_only(stack, picture):
    # The folder of uploads in memory is looked at by the API itself. SeaweedFS writes some files with a mode
    # of its own (`.vif`, 0644); the folder around them is what keeps others out.
    for path in [stack.data, *stack.data.rglob("*")]:
        way = [path, *(each for each in path.parents if stack.data in each.parents)]
        modes = {str(each): stat.filemode(each.lstat().st_mode) for each in way}
        assert any(mode.endswith("------") for mode in modes.values()), modes


def test_no_socket_without_a_port_is_open_either(stack):
    ours = sockets(stack)
    accepting = 0x10000
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        fields = line.split(maxsplit=7)
        if fields[6] in ours and int(fields[3], 16) & accepting:
            name = fields[7] if len(fields) > 7 else ""
            assert name, "an autobound socket"
            assert not name.startswith("@"), "a socket that every user can name"
            assert (stack.data / "seaweed" / name).lstat().st_mode & 0o077 == 0


def secrets_of(stack: local_stack.LocalStack) -> list[str]:
    folder = stack.data / "secrets"
    return [
        (folder / "valkey.conf").read_text().split()[1],
        (folder / "inner.key").read_text().splitlines()[1],
        json.loads((stack.data / "s3-credentials.json").read_text())["secret_access_key"],
    ]


def test_no_secret_is_on_a_command_line_in_a_log_or_on_the_screen(stack, picture):
    texts = {f"process {pid}": local_stack.command_line(pid) for pid in family(stack)}
    texts |= {str(path): path.read_text(errors="replace") for path in (stack.data / "logs").glob("*")}
    texts["the screen"] = stack.terminal_output()
    for secret in secrets_of(stack):
        assert len(secret) >= 30
        assert [name for name, text in texts.items() if secret in text] == []
