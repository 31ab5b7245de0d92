import os
from pathlib import Path

import pytest

from imagejobs.local.errors import CannotRun
from imagejobs.local.options import LocalOptions, spread_cores


def test_without_options_the_defaults_are_loopback_and_an_image_per_core():
    options = LocalOptions.gather({})
    assert (options.host, options.port, options.redis_url, options.s3_endpoint) == ("127.0.0.1", None, "", "")
    assert sum(options.images_at_once) == len(os.sched_getaffinity(0))
    assert options.data == Path.cwd() / ".imagejobs"


@pytest.mark.parametrize(
    ("cores", "images_at_once"), [(1, (1,)), (2, (2,)), (4, (4,)), (5, (3, 2)), (8, (4, 4)), (9, (3, 3, 3))]
)
def test_cores_are_spread_cores_evenly_to_few_workers(cores, images_at_once):
    assert spread_cores(cores) == images_at_once


def test_who_names_workers_gets_that_many_with_one_image_each():
    assert LocalOptions.gather({}, workers=3).images_at_once == (1, 1, 1)


def test_who_names_the_images_of_a_worker_gets_one_worker_per_core():
    assert LocalOptions.gather({"MAX_PARALLEL": "1"}).images_at_once == (1,) * len(os.sched_getaffinity(0))


def test_listen_names_the_port_and_the_option_goes_first():
    assert LocalOptions.gather({"LISTEN": "0.0.0.0:9000"}).port == 9000
    assert LocalOptions.gather({"LISTEN": "0.0.0.0:9000"}).host == "0.0.0.0"
    assert LocalOptions.gather({"LISTEN": "0.0.0.0:9000"}, port=9001).port == 9001


@pytest.mark.parametrize("text", ["9000", "host:", "host:http", "host:0", "host:70000"])
def test_a_listen_that_is_none_is_refused(text):
    with pytest.raises(CannotRun, match="LISTEN"):
        LocalOptions.gather({"LISTEN": text})


@pytest.mark.parametrize(
    ("environ", "needed"), [({}, False), ({"CALLERS_FILE": ""}, False), ({"CALLERS_FILE": "c"}, True)]
)
def test_a_file_of_callers_means_that_calls_need_a_key(environ, needed):
    assert LocalOptions.gather(environ).needs_key is needed
