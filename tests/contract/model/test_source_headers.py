"""Headers for the host of a URL: which there may be, and that they stand nowhere but in manifests."""

import json

import pytest

from imagejobs_contract.model import source_headers
from imagejobs_contract.model.items import Item, item_body, read_item, read_line
from imagejobs_contract.reader import Reader
from imagejobs_contract.wire.manifests import MAX_LINE_BYTES, item_lines

URL = "https://images.example.org/a.jpg"
GIVEN = {"Authorization": "Bearer s3cr3t", "X-Api-Key": "a b"}


def faults(headers: object, **more: object) -> str:
    reader = Reader({"url": URL, "headers": headers, **more}, "items[0]", snake=True)
    read_item(reader, with_headers=True)
    return "; ".join(map(str, reader.faults))


def test_a_line_of_a_manifest_holds_them_and_an_imagejob_does_not():
    item = read_line(json.dumps({"url": URL, "headers": GIVEN}).encode())
    assert item == Item(url=URL, headers=tuple(GIVEN.items()))
    assert read_line(item_lines([item])[0]) == item
    assert item_body(item) == {"url": URL}


def test_they_are_unknown_where_people_can_read_them():
    reader = Reader({"url": URL, "headers": GIVEN})
    assert read_item(reader).headers == ()
    assert "headers: unknown" in str(reader.faults[0])


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"Host": "s3cr3t"}, "headers: Host is not sent to sources"),
        ({"content-LENGTH": "5"}, "content-LENGTH is not sent to sources"),
        ({"Transfer-Encoding": "s3cr3t"}, "is not sent to sources"),
        ({"Range": "bytes=0-1"}, "is not sent to sources"),
        ({"If-None-Match": "s3cr3t"}, "is not sent to sources"),
        ({"Proxy-Authorization": "s3cr3t"}, "is not sent to sources"),
        ({"Metadata-Flavor": "Google"}, "is not sent to sources"),
        ({"X-aws-ec2-metadata-token": "s3cr3t"}, "is not sent to sources"),
        ({"Cookie": "s3cr3t\r\nHost: b"}, "headers.Cookie: the value is not printable ASCII"),
        ({"Cookie": "s3cr3t "}, "the value is not printable ASCII"),
        ({"Cookie": "s3cr\u00e9t"}, "the value is not printable ASCII"),
        ({"Cookie": ["s3cr3t"]}, "headers.Cookie: the value is not a text"),
        ({"Cookie": "s3cr3t" * 400}, "the value is not a text of 1 to 2048 characters"),
        ({"s3cr3t: x": "y"}, "headers: has a field that is not the name of a header"),
        ({"Cookie": "a", "cookie": "b"}, "cookie is given more than once"),
        ({f"X-{n}": "a" for n in range(17)}, "is not an object of at most 16 fields"),
        ({f"X-{n}": "a" * 2000 for n in range(3)}, "have more than 4096 characters in all"),
        ("s3cr3t", "is not an object"),
    ],
    ids=str,
)
def test_what_is_not_sent_is_refused_without_its_value(headers, told):
    found = faults(headers)
    assert told in found
    assert "s3cr3t" not in found


def test_they_go_with_a_url():
    assert faults(GIVEN, url=None, key="photos/a.jpg") == "items[0].headers: go with a url"


def test_the_longest_fit_in_a_line():
    headers = ((f"X-{n}", "a" * 2000) for n in range(2))
    item = Item("n" * 200, url="https://a.example/" + "b" * 2030, headers=tuple(headers))
    (line,) = item_lines([item])
    assert len(line) < MAX_LINE_BYTES
    assert sum(map(len, dict(item.headers).values())) < source_headers.MAX_TOTAL_LENGTH
