from dataclasses import replace
from pathlib import Path

import pytest

from imagejobs.local import output

FACTS = output.Facts(
    version="0.1.0",
    seconds=3.21,
    url="http://127.0.0.1:8081",
    s3="http://127.0.0.1:8333",
    redis="redis://127.0.0.1:16379/0",
    workers=1,
    images_at_once=2,
    data=Path("/home/me/.imagejobs"),
    data_bytes=12_300_000,
    logs=Path("/home/me/.imagejobs/logs"),
    unfinished=3,
    moved=[("the API", 8080, 8081)],
    sample=Path("/lib/sample.jpg"),
    needs_key=False,
)


@pytest.mark.parametrize(
    "fact",
    [
        "ready after 3.2 s",
        "http://127.0.0.1:8081",
        "/home/me/.imagejobs (12.3 MB",
        "3 unfinished",
        "Workers  1 (2 images at once)",
        "Port 8080 was taken: the API listens on 8081.",
    ],
)
def test_the_start_names(fact):
    assert fact in output.format_start(FACTS)


def test_the_calls_to_try_name_a_picture_and_the_port_that_is_used():
    for call in output.example_calls(FACTS.url, FACTS.sample, needs_key=False):
        assert call.startswith("curl -F")
        assert "@/lib/sample.jpg" in call
        assert "http://127.0.0.1:8081/api/" in call


def test_where_keys_are_needed_the_calls_send_one_and_say_where_to_put_it():
    key, *calls = output.example_calls(FACTS.url, FACTS.sample, needs_key=True)
    assert key == "export IMAGEJOBS_KEY=ijk_..."
    assert all('-H "Authorization: Bearer $IMAGEJOBS_KEY"' in call for call in calls)
    assert "with a key of one of the callers" in output.format_start(replace(FACTS, needs_key=True))


def test_without_keys_no_call_mentions_one():
    assert "key" not in output.format_start(FACTS).lower()


def test_workers_with_one_image_each_are_only_counted():
    assert output.format_workers(2, 2) == "2"


def test_the_last_line_says_what_is_kept_and_what_goes_on():
    assert output.format_stop(Path("/d"), 0) == "stopped. Jobs and images are kept in /d."
    assert output.format_stop(Path("/d"), 1).endswith("1 unfinished job goes on at the next start.")
    assert output.format_stop(Path("/d"), 2).endswith("2 unfinished jobs go on at the next start.")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:s3cret@127.0.0.1:16379/0", "redis://127.0.0.1:16379/0"),
        ("rediss://user:p@ss@redis.example:6380/1", "rediss://redis.example:6380/1"),
        ("http://127.0.0.1:8333", "http://127.0.0.1:8333"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
    ],
)
def test_the_screen_shows_no_password(url, shown):
    assert output.hide_credentials(url) == shown
