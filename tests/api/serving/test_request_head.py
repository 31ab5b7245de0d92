"""Heads that are refused although the parser accepts them; `test_raw_http` tries them over a socket."""

import pytest

from imagejobs_api.serving.request_head import find_fault

HOST = (b"host", b"Images.example:8080")


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"*",
        b"/a?to=http://elsewhere.example/",
        b"http://images.example:8080/a",
        b"HTTP://IMAGES.example:8080?a",
        b"?a=b://c",
    ],
)
def test_an_address_that_names_no_other_host_is_taken(target):
    assert find_fault("1.1", target, [HOST]) == ""


@pytest.mark.parametrize(
    "target",
    [
        b"http://images.example/a",
        b"http://elsewhere.example:8080/",
        b"http://me@images.example:8080/",
        b"a://b",
    ],
)
def test_an_address_of_another_host_is_refused(target):
    assert "another host" in find_fault("1.1", target, [HOST])


@pytest.mark.parametrize(
    ("version", "headers", "words"),
    [
        ("2.0", [HOST], "HTTP/1.1"),
        ("1.1", [], "exactly one"),
        ("1.1", [HOST, HOST], "exactly one"),
        ("1.1", [(b"host", b"a:b")], "no name or address"),
        ("1.1", [(b"host", b"[::1")], "no name or address"),
        ("1.1", [HOST, (b"transfer-encoding", b"gzip, chunked")], "chunks"),
        ("1.1", [HOST, (b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"identity")], "chunks"),
    ],
    ids=str,
)
def test_what_can_be_read_in_two_ways_is_refused(version, headers, words):
    assert words in find_fault(version, b"/", headers)


def test_chunks_and_the_version_before_are_taken():
    assert find_fault("1.0", b"/", [HOST, (b"transfer-encoding", b" Chunked")]) == ""
