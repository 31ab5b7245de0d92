import asyncio
import gzip
import ssl
import subprocess
from contextlib import asynccontextmanager

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.items import Item
from imagejobs_contract.outbound.guard import AddressGuard
from imagejobs_contract.outbound.policy import EgressPolicy
from imagejobs_contract.outbound.url import read_url
from imagejobs_worker.image.download import RequestHeaders, Timeouts, download
from imagejobs_worker.image.min_rate import MinRate

LOOPBACK = EgressPolicy(private=("127.0.0.1/32",))
IMAGE = bytes(range(256)) * 400
LENGTH = f"Content-Length: {len(IMAGE)}\r\n\r\n".encode()
OK = b"HTTP/1.1 200 OK\r\n"
BOMB = gzip.compress(bytes(20 * 2**20))
"""20 MB that travel as 20 kB."""


class Site:
    """A server on loopback that sends fixed bytes per path, and what it was asked.

    A float among the bytes is a pause in seconds: it plays a slow server.
    """

    def __init__(self, answers):
        self.answers = answers
        self.requests = []
        self.port = 0

    async def answer(self, reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(request.decode())
        answer = self.answers[request.split(b" ")[1].decode()]
        try:
            for piece in answer if isinstance(answer, list) else [answer]:
                if isinstance(piece, float):
                    await asyncio.sleep(piece)
                else:
                    writer.write(piece.replace(b"PORT", str(self.port).encode()))
                    await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(answers, tls=None):
    site = Site(answers)
    server = await asyncio.start_server(site.answer, "127.0.0.1", 0, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()
        await server.wait_closed()


async def at_once():
    """Have nothing to wait for."""


async def to_loopback(host, port):
    return {"inside.example": ["10.0.0.1"], "gone.example": ["192.168.7.7"]}.get(host, ["127.0.0.1"])


def get(
    answers,
    path="/image",
    max_bytes=200_000,
    timeouts=Timeouts(1.0, 2.0),  # noqa: B008
    host="images.example",
    policy=LOOPBACK,
    headers=RequestHeaders(),  # noqa: B008
):
    async def scenario():
        async with serving(answers) as site:
            guard = AddressGuard(policy, resolve=to_loopback)
            source = await download(
                guard, f"http://{host}:{site.port}{path}", max_bytes, timeouts, at_once, headers
            )
            return source.data, site

    return asyncio.run(scenario())


def code_of(answers, **options):
    with pytest.raises(ImageFailed) as caught:
        get(answers, **options)
    return caught.value.code


def chunked(data, size):
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x;note=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        OK + LENGTH + IMAGE,
        OK + b"\r\n" + IMAGE,
        b"HTTP/1.0 200 OK\r\n\r\n" + IMAGE,
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(IMAGE, 1000),
        OK + b"Transfer-Encoding: Chunked\r\n\r\n" + chunked(IMAGE, 100_000),
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + LENGTH + IMAGE,
        OK + b"content-encoding: identity\r\nCONTENT-LENGTH:" + LENGTH.split(b":")[1] + IMAGE,
        [OK, 0.05, LENGTH[:9], 0.05, LENGTH[9:] + IMAGE[:5], 0.05, IMAGE[5:]],
        OK + LENGTH + IMAGE + b"what follows the body does not belong to it",
    ],
    ids=["length", "until the end", "HTTP/1.0", "small chunks", "large chunks", "early hints",
         "names in any case", "in pieces", "trailing bytes"],
)  # fmt: skip
def test_a_body_arrives_however_it_is_framed(answer):
    assert get({"/image": answer})[0] == IMAGE


def test_the_body_is_left_to_the_server_until_there_is_room_and_the_wait_is_not_its_fault():
    async def scenario():
        waited = []

        async def room():
            await asyncio.sleep(0.5)  # longer than the source may take
            waited.append(True)

        answers = {
            "/start": b"HTTP/1.1 302 Found\r\nLocation: /image\r\n\r\n",
            "/image": [OK + LENGTH + IMAGE[:9], 0.1, IMAGE[9:]],
        }
        async with serving(answers) as site:
            guard = AddressGuard(LOOPBACK, resolve=to_loopback)
            source = await download(
                guard, f"http://images.example:{site.port}/start", 200_000, Timeouts(0.4, 0.4), room
            )
            return source.data, waited

    assert asyncio.run(scenario()) == (IMAGE, [True])


def test_a_server_that_drips_is_given_up_early_and_had_no_slot_meanwhile():
    async def scenario():
        slots = []

        async def reserve():
            slots.append(True)

        timeouts = Timeouts(1.0, 20.0, MinRate(1000, 0.3))
        async with serving({"/image": [OK + LENGTH] + [b"x", 0.05] * 100}) as site:
            with pytest.raises(ImageFailed, match="less than 1000 bytes per second") as caught:
                await download(
                    AddressGuard(LOOPBACK, resolve=to_loopback),
                    f"http://images.example:{site.port}/image",
                    200_000,
                    timeouts,
                    reserve,
                )
        return caught.value.code, slots

    assert asyncio.run(scenario()) == (Code.SOURCE_TIMEOUT, [])


@pytest.mark.parametrize("size", [0, 9, 64 * 2**10, 500_000])
def test_a_slot_is_waited_for_once_whatever_the_size(size):
    async def scenario():
        slots = []

        async def reserve():
            slots.append(True)

        async with serving({"/image": OK + f"Content-Length: {size}\r\n\r\n".encode() + bytes(size)}) as site:
            url = f"http://images.example:{site.port}/image"
            guard = AddressGuard(LOOPBACK, resolve=to_loopback)
            source = await download(guard, url, 10**6, Timeouts(1, 2), reserve)
            return source.data, len(slots)

    assert asyncio.run(scenario()) == (bytes(size), 1)


def test_the_request_names_the_host_and_refuses_compression():
    _, site = get({"/image?a=b%20c": OK + LENGTH + IMAGE}, path="/image?a=b%20c")
    lines = site.requests[0].split("\r\n")
    assert lines[:2] == ["GET /image?a=b%20c HTTP/1.1", f"Host: images.example:{site.port}"]
    assert {"Accept-Encoding: identity", "Connection: close"} <= set(lines)


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    assert get({"/image": OK + LENGTH + IMAGE})[0] == IMAGE


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", Code.SOURCE_NOT_FOUND),
        (b"HTTP/1.1 410 Gone\r\n\r\n", Code.SOURCE_NOT_FOUND),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", Code.SOURCE_FORBIDDEN),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", Code.SOURCE_FORBIDDEN),
        (b"HTTP/1.1 429 Slow Down\r\n\r\n", Code.SOURCE_ERROR),
        (b"HTTP/1.1 503 Later\r\n\r\n", Code.SOURCE_ERROR),
        (b"HTTP/1.1 206 Partial\r\n" + LENGTH + IMAGE, Code.SOURCE_ERROR),
        (b"HTTP/1.1 302 Found\r\n\r\n", Code.SOURCE_ERROR),
        (OK + b"Content-Length: 102401\r\n\r\n", Code.FILE_TOO_LARGE),
        (OK + b"\r\n" + IMAGE + b"x", Code.FILE_TOO_LARGE),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(IMAGE + b"x", 1000), Code.FILE_TOO_LARGE),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\n" + IMAGE * 2, Code.FILE_TOO_LARGE),
        (OK + b"Content-Length: 102400\r\n\r\n" + IMAGE[:-1], Code.SOURCE_ERROR),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n10\r\n0123", Code.SOURCE_ERROR),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\n0123456\r\n0\r\n\r\n", Code.SOURCE_ERROR),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n-4\r\n0123\r\n0\r\n\r\n", Code.SOURCE_ERROR),
        (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", Code.SOURCE_ERROR),
        (OK + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n4\r\n0123\r\n0\r\n\r\n",
         Code.SOURCE_ERROR),
        (OK + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n01234", Code.SOURCE_ERROR),
        (OK + b"Content-Length: -1\r\n\r\n", Code.SOURCE_ERROR),
        (OK + b"Content-Length: 0x10\r\n\r\n", Code.SOURCE_ERROR),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + IMAGE[:10], Code.SOURCE_ERROR),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + BOMB, Code.SOURCE_ERROR),
        (OK + b"Content-Encoding: br\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(BOMB, 1000),
         Code.SOURCE_ERROR),
        (b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n\r\n", Code.SOURCE_ERROR),
        (OK + b"no colon\r\n\r\n", Code.SOURCE_ERROR),
        (OK + b"X: " + b"y" * 100_000 + b"\r\n\r\n", Code.SOURCE_ERROR),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", Code.SOURCE_ERROR),
        (b"HTTP/2 200 OK\r\n\r\n", Code.SOURCE_ERROR),
        (b"", Code.SOURCE_ERROR),
        ([5.0], Code.SOURCE_TIMEOUT),
        ([OK + LENGTH] + [b"x", 0.05] * 100, Code.SOURCE_TIMEOUT),
        ([OK] + [b"A: b\r\n", 0.05] * 100, Code.SOURCE_TIMEOUT),
        ([b"HTTP/1.1 102 Processing\r\n\r\n", 0.05] * 100, Code.SOURCE_TIMEOUT),
    ],
    ids=[
        "404", "410", "401", "403", "429", "503", "206 unasked", "302 without location", "declared too large",
        "endless", "chunks too large",
        "one chunk too large", "cut body", "cut chunk", "chunk longer than its size", "negative chunk",
        "gzip transfer",
        "chunked with length",
        "two lengths", "negative length", "hexadecimal length", "gzip", "a bomb", "a bomb in chunks",
        "redirect to half an address", "header without colon", "endless header", "another protocol", "HTTP/2",
        "nothing", "silence", "body drips", "headers drip", "endless interim answers",
    ],
)  # fmt: skip
def test_a_bad_answer_ends_as_one_code_in_time(answer, code):
    assert code_of({"/image": answer}, max_bytes=len(IMAGE), timeouts=Timeouts(0.4, 0.4)) is code


@pytest.mark.parametrize(
    ("coding", "named"),
    [(b"gzip", "Content-Encoding: gzip"), (b"BR, Gzip", "br, gzip"), (b"<b>\x1b[31m", "of another kind"),
     (b"x" * 50, "of another kind")],
    ids=["gzip", "two", "no token", "long"],
)  # fmt: skip
def test_a_compressed_answer_is_called_that_and_its_body_is_not_read(coding, named):
    with pytest.raises(ImageFailed, match=named) as caught:
        get({"/image": [OK + b"Content-Encoding: " + coding + b"\r\n\r\n", 5.0]}, timeouts=Timeouts(1.0, 4.0))
    assert (caught.value.code, "compressed" in caught.value.message) == (Code.SOURCE_ERROR, True)


@pytest.mark.parametrize("value", [b"", b"identity", b"Identity"])
def test_an_answer_may_say_that_it_is_not_compressed(value):
    assert get({"/image": OK + b"Content-Encoding: " + value + b"\r\n" + LENGTH + IMAGE})[0] == IMAGE


def test_redirects_are_followed_with_relative_and_absolute_targets():
    answers = {
        "/image": b"HTTP/1.1 301 Moved\r\nLocation: a/../b?c\r\n\r\n",
        "/b?c": b"HTTP/1.1 308 Moved\r\nLocation: HTTP://other.example:PORT/d\r\n\r\n",
        "/d": OK + LENGTH + IMAGE,
    }
    body, site = get(answers)
    assert body == IMAGE
    assert f"Host: other.example:{site.port}" in site.requests[2]


@pytest.mark.parametrize(("hops", "arrives"), [(5, True), (6, False)])
def test_five_redirects_are_followed_and_no_more(hops, arrives):
    answers = {f"/{n}": f"HTTP/1.1 302 Found\r\nLocation: /{n + 1}\r\n\r\n".encode() for n in range(hops)}
    answers[f"/{hops}"] = OK + LENGTH + IMAGE
    if arrives:
        assert get(answers, path="/0")[0] == IMAGE
    else:
        assert code_of(answers, path="/0") is Code.SOURCE_ERROR


@pytest.mark.parametrize(
    "location",
    ["http://169.254.169.254/latest/meta-data/", "http://inside.example/", "//gone.example/x", "http://[::1]/",
     "HTTP://169.254.169.254/", "Http://inside.example/", "http://2130706434/", "file:///etc/passwd",
     "gopher://images.example/", "http://user:pass@images.example/"],
)  # fmt: skip
def test_a_redirect_to_where_nobody_may_go_is_refused_before_anything_is_sent(location):
    def resolve_numbers(host):
        return {"2130706434": ["127.0.0.2"], "169.254.169.254": ["169.254.169.254"], "::1": ["::1"]}.get(host)

    async def resolve(host, port):
        return resolve_numbers(host) or await to_loopback(host, port)

    async def scenario():
        async with serving(
            {"/image": f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n".encode()}
        ) as site:
            with pytest.raises(ImageFailed) as caught:
                await download(
                    AddressGuard(LOOPBACK, resolve=resolve),
                    f"http://images.example:{site.port}/image",
                    1000,
                    Timeouts(1, 2),
                    at_once,
                )
            return caught.value, len(site.requests)

    error, requests = asyncio.run(scenario())
    assert (error.code, requests) == (Code.SOURCE_FORBIDDEN, 1)


def test_a_name_that_rebinds_between_two_hops_is_refused():
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    async def scenario():
        async with serving({"/image": b"HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n"}) as site:
            await download(
                AddressGuard(LOOPBACK, resolve=resolve),
                f"http://images.example:{site.port}/image",
                1000,
                Timeouts(1, 2),
                at_once,
            )

    with pytest.raises(ImageFailed) as caught:
        asyncio.run(scenario())
    assert caught.value.code is Code.SOURCE_FORBIDDEN


def test_loopback_is_refused_by_default():
    assert code_of({"/image": OK + LENGTH + IMAGE}, policy=EgressPolicy()) is Code.SOURCE_FORBIDDEN


def test_nobody_listening_is_a_source_error():
    with pytest.raises(ImageFailed) as caught:
        asyncio.run(
            download(
                AddressGuard(EgressPolicy(("127.0.0.1/32",), ((1, 1),)), resolve=to_loopback),
                "http://images.example:1/",
                1000,
                Timeouts(1, 2),
                at_once,
            )
        )
    assert caught.value.code is Code.SOURCE_ERROR


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for images.example, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=images.example", "-addext",
         "subjectAltName=DNS:images.example", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.mark.parametrize(
    ("host", "trusted", "code"),
    [
        ("images.example", True, None),
        ("other.example", True, Code.SOURCE_ERROR),
        ("images.example", False, Code.SOURCE_ERROR),
    ],
)
def test_tls_is_verified_for_the_name_that_was_asked_for(certificate, host, trusted, code):
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    client_side = ssl.create_default_context(cafile=certificate / "cert.pem" if trusted else None)

    async def scenario():
        async with serving({"/image": OK + LENGTH + IMAGE}, tls=server_side) as site:
            guard = AddressGuard(LOOPBACK, resolve=to_loopback, tls=client_side)
            return await download(
                guard, f"https://{host}:{site.port}/image", 200_000, Timeouts(2, 4), at_once
            )

    if code is None:
        assert asyncio.run(scenario()).data == IMAGE
    else:
        with pytest.raises(ImageFailed) as caught:
            asyncio.run(scenario())
        assert caught.value.code is code


@pytest.mark.parametrize(
    ("location", "asked"),
    [
        ("/ok-é.jpg".encode(), "/ok-%C3%A9.jpg"),
        (b"/ok-\xe9.jpg", "/ok-%C3%A9.jpg"),
        (b"/ok-%C3%A9.jpg", "/ok-%C3%A9.jpg"),
    ],
    ids=["raw UTF-8", "raw Latin-1", "encoded"],
)
def test_a_redirect_leads_where_it_leads_browsers(location, asked):
    answers = {
        "/image": b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\n\r\n",
        asked: OK + LENGTH + IMAGE,
    }
    assert get(answers)[0] == IMAGE


def test_the_body_of_a_proxy_that_changed_it_is_taken():
    assert get({"/image": b"HTTP/1.1 203 Transformed\r\n" + LENGTH + IMAGE})[0] == IMAGE


@pytest.mark.parametrize(
    ("answer", "seconds", "permanent"),
    [
        (b"429 Busy\r\nRetry-After: 2", 2.0, False), (b"503 Busy\r\nRetry-After: 1.2", 2.0, False),
        (b"503 Busy", 0.0, False), (b"500 X", 0.0, False), (b"204 No Content", 0.0, True),
        (b"206 Partial", 0.0, True), (b"304 Not Modified", 0.0, True), (b"400 Bad", 0.0, True),
        (b"408 Late", 0.0, False),
    ],
    ids=lambda value: value[:3].decode() if isinstance(value, bytes) else "",
)  # fmt: skip
def test_an_answer_says_whether_and_when_another_try_is_worth_it(answer, seconds, permanent):
    with pytest.raises(ImageFailed) as raised:
        get({"/image": b"HTTP/1.1 " + answer + b"\r\nContent-Length: 0\r\n\r\n"})
    assert (raised.value.wait_seconds, raised.value.permanent) == (seconds, permanent)


SECRET = RequestHeaders("Mozilla/5.0", (("Authorization", "Bearer s3cr3t"), ("accept", "image/webp")))


def fields(request):
    """Return the headers of a request that was sent, by their names in small letters."""
    lines = request.split("\r\n")[1:-2]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


def test_a_source_is_asked_with_the_headers_of_its_image():
    _, site = get({"/image": OK + LENGTH + IMAGE}, headers=SECRET)
    sent = fields(site.requests[0])
    assert (sent["authorization"], sent["accept"], sent["user-agent"]) == (
        "Bearer s3cr3t",
        "image/webp",
        "Mozilla/5.0",
    )
    assert site.requests[0].lower().count("\r\naccept: ") == 1


def test_headers_follow_a_redirect_on_their_own_host_and_leave_it_never():
    answers = {
        "/image": b"HTTP/1.1 302 Found\r\nLocation: /own\r\n\r\n",
        "/own": b"HTTP/1.1 302 Found\r\nLocation: http://other.example:PORT/other\r\n\r\n",
        "/other": b"HTTP/1.1 302 Found\r\nLocation: http://images.example:PORT/back\r\n\r\n",
        "/back": OK + LENGTH + IMAGE,
    }
    data, site = get(answers, headers=SECRET)
    assert data == IMAGE
    sent = [fields(each) for each in site.requests]
    assert ["authorization" in each for each in sent] == [True, True, False, False]
    assert [each["accept"] for each in sent] == ["image/webp", "image/webp", "image/*", "image/*"]
    assert {each["user-agent"] for each in sent} == {"Mozilla/5.0"}


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("http://a.example/x", "http://A.example:80/y?z", True),
        ("http://a.example/x", "https://a.example/x", False),
        ("http://a.example/x", "http://a.example:8080/x", False),
        ("http://a.example/x", "http://b.a.example/x", False),
    ],
)
def test_scheme_host_and_port_make_a_host_the_same(before, after, same):
    assert (read_url(before).origin == read_url(after).origin) is same


def test_headers_are_in_no_text_about_them():
    item = Item(url="https://a.example/x", headers=SECRET.given)
    assert "s3cr3t" not in f"{SECRET} {item} {SECRET!r} {item!r}"
