"""Prefer and Accept: pure, by tables."""

import pytest

from imagejobs_api.http import prefer
from imagejobs_api.http.accept import named_formats
from imagejobs_api.http.prefer import Preference
from imagejobs_contract.model.options import Format

AVIF, WEBP = Format.AVIF, Format.WEBP


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, Preference(10)),
        ("", Preference(10)),
        ("respond-async", Preference(0, "respond-async")),
        ("Respond-Async", Preference(0, "respond-async")),
        ("wait=3", Preference(3, "wait=3")),
        ('wait="3"', Preference(3, "wait=3")),
        ("wait=0", Preference(0, "wait=0")),
        ("wait=600", Preference(60, "wait=60")),
        ("respond-async, wait=5", Preference(5, "respond-async, wait=5")),
        ("wait=5, wait=7", Preference(5, "wait=5")),
        ("wait=-1", Preference(10)),
        ("wait=٣", Preference(10)),
        ("return=minimal; x=1, wait=2", Preference(2, "wait=2")),
        ("wait=999999999999999", Preference(10)),
    ],
)
def test_prefer_says_how_long_a_caller_waits(header, expected):
    assert prefer.read(header, 10) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, []),
        ("*/*", []),
        ("image/*", []),
        ("image/webp", [WEBP]),
        ("image/avif,image/webp,image/apng,*/*;q=0.8", [AVIF, WEBP]),
        ("image/avif;q=0, image/webp;q=0.1", [WEBP]),
        ("image/webp; q=0.000", []),
        ("IMAGE/AVIF", [AVIF]),
        ("image/webp;q=1.0,image/avif;q=0.1", [WEBP, AVIF]),
        ("image/avif;q=0.5, image/webp; Q=0.50", [AVIF, WEBP]),
        ("image/webp;level=1;q=0.9, image/avif;q=0.901", [AVIF, WEBP]),
        ("image/webp;q=5, image/avif;q=0.9", [WEBP, AVIF]),
    ],
)
def test_auto_means_the_formats_that_accept_names_the_heaviest_first(header, expected):
    assert list(named_formats(header)) == expected
