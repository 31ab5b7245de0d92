import os
from pathlib import Path

import pytest

from imagejobs.local.errors import CannotRun
from imagejobs.local.options import Wishes, shared_out


def test_without_wishes_the_defaults_are_loopback_and_an_image_per_core():
    wishes = Wishes.gather({})
    assert (wishes.host, wishes.port, wishes.redis_url, wishes.s3_endpoint) == ("127.0.0.1", None, "", "")
    assert sum(wishes.lanes) == len(os.sched_getaffinity(0))
    assert wishes.data == Path.cwd() / ".imagejobs"


@pytest.mark.parametrize(
    ("cores", "lanes"), [(1, (1,)), (2, (2,)), (4, (4,)), (5, (3, 2)), (8, (4, 4)), (9, (3, 3, 3))]
)
def test_cores_are_shared_out_evenly_to_few_workers(cores, lanes):
    assert shared_out(cores) == lanes


def test_who_names_workers_gets_that_many_with_one_image_each():
    assert Wishes.gather({}, workers=3).lanes == (1, 1, 1)


def test_who_names_the_images_of_a_worker_gets_one_worker_per_core():
    assert Wishes.gather({"MAX_PARALLEL": "1"}).lanes == (1,) * len(os.sched_getaffinity(0))


def test_listen_names_the_port_and_the_option_goes_first():
    assert Wishes.gather({"LISTEN": "0.0.0.0:9000"}).port == 9000
    assert Wishes.gather({"LISTEN": "0.0.0.0:9000"}).host == "0.0.0.0"
    assert Wishes.gather({"LISTEN": "0.0.0.0:9000"}, port=9001).port == 9001


@pytest.mark.parametrize("text", ["9000", "host:", "host:http", "host:0", "host:70000"])
def test_a_listen_that_is_none_is_refused(text):
    with pytest.raises(CannotRun, match="LISTEN"):
        Wishes.gather({"LISTEN": text})
