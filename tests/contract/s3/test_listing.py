"""Pages of keys, as servers write them."""

import pytest

from imagejobs_contract.s3.listing import read_page


def page(keys: str, encoding: str = "") -> bytes:
    objects = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys.split("|"))
    return (
        f'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{encoding}'
        f"<IsTruncated>false</IsTruncated>{objects}</ListBucketResult>"
    ).encode()


def keys(data: bytes) -> list[str]:
    return [each.key for each in read_page(data).objects]


def test_encoded_keys_are_decoded_once_in_either_way_of_writing_a_blank():
    encoding = "<EncodingType>url</EncodingType>"
    assert keys(page("a%01b|a+b|a%20b|a%2Bb|%2525|%FF", encoding)) == [
        "a\x01b", "a b", "a b", "a+b", "%25", "\ufffd",
    ]  # fmt: skip


def test_a_server_that_does_not_encode_is_taken_at_its_word():
    assert keys(page("a+b|a%20b|&lt;&amp;")) == ["a+b", "a%20b", "<&"]


@pytest.mark.parametrize(
    "control", ["\x01", "\x1f", "&#1;", "&#x1;", "&#x1F;", "&#31;", "\ufffe", "&#xFFFE;"]
)
def test_what_xml_cannot_hold_costs_its_own_key_only(control):
    assert keys(page(f"a{control}b|c")) == ["a\ufffdb", "c"]


@pytest.mark.parametrize("data", [b"", b"<html></html>", b"<a", page("a").replace(b"<Size>1", b"<Size>x")])
def test_what_is_no_page_is_an_error(data):
    with pytest.raises((ValueError, SyntaxError)):
        read_page(data)
