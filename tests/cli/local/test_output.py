from pathlib import Path

import pytest

from imagejobs.local import output

FACTS = output.Facts(
    version="0.1.0", seconds=3.21, url="http://127.0.0.1:8081", s3="http://127.0.0.1:8333", redis="redis://127.0.0.1:16379/0", workers=1, lanes=2,
    data=Path("/home/me/.imagejobs"), data_bytes=12_300_000, logs=Path("/home/me/.imagejobs/logs"), unfinished=3,
    moved=[("the API", 8080, 8081)], sample=Path("/lib/sample.jpg"),
)  # fmt: skip


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
def test_the_screen_tells(fact):
    assert fact in output.facts(FACTS)


def test_the_calls_to_try_name_a_picture_and_the_port_that_is_used():
    for call in output.calls(FACTS.url, FACTS.sample):
        assert call.startswith("curl -F")
        assert "@/lib/sample.jpg" in call
        assert "http://127.0.0.1:8081/api/" in call


def test_workers_with_one_lane_each_are_only_counted():
    assert output.workers(2, 2) == "2"


def test_the_farewell_says_what_is_kept_and_what_goes_on():
    assert output.farewell(Path("/d"), 0) == "stopped. Jobs and images are kept in /d."
    assert output.farewell(Path("/d"), 1).endswith("1 unfinished job goes on at the next start.")
    assert output.farewell(Path("/d"), 2).endswith("2 unfinished jobs go on at the next start.")
