from pathlib import Path

import pytest

from imagejobs.local.errors import CannotRun
from imagejobs.local.wishes import Wishes


def test_without_wishes_the_defaults_are_loopback_and_a_worker_per_core():
    wishes = Wishes.gather({})
    assert (wishes.host, wishes.port, wishes.redis_url, wishes.s3_endpoint) == ("127.0.0.1", None, "", "")
    assert wishes.workers >= 1
    assert wishes.data == Path.cwd() / ".imagejobs"


def test_listen_names_the_port_and_the_option_goes_first():
    assert Wishes.gather({"LISTEN": "0.0.0.0:9000"}).port == 9000
    assert Wishes.gather({"LISTEN": "0.0.0.0:9000"}).host == "0.0.0.0"
    assert Wishes.gather({"LISTEN": "0.0.0.0:9000"}, port=9001).port == 9001


@pytest.mark.parametrize("text", ["9000", "host:", "host:http", "host:0", "host:70000"])
def test_a_listen_that_is_none_is_refused(text):
    with pytest.raises(CannotRun, match="LISTEN"):
        Wishes.gather({"LISTEN": text})
