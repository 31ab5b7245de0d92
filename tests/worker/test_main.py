import os
import subprocess
import sys

import pytest

from imagejobs_worker.child import spawn

SLOW_TO_IMPORT = (
    "redis",
    "boto3",
    "botocore",
    "PIL",
    "http.client",
    "imagejobs_contract.outbound.address",
    "imagejobs_worker.pool.pool",
    "imagejobs_contract.model.imagejob",
    "imagejobs_contract.model.status",
)


@pytest.mark.parametrize("arguments", [[], ["both"], ["pool", "shard"]])
def test_a_wrong_call_is_answered_with_the_usage(arguments):
    ended = subprocess.run(
        [sys.executable, "-m", "imagejobs_worker", *arguments],
        capture_output=True,
        text=True,
        env={},
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (2, "usage: imagejobs-worker pool | shard\n")


def test_what_a_shard_does_not_need_for_its_first_image_is_not_imported():
    code = (
        "import imagejobs_worker.program, imagejobs_worker.shard.shard, sys; "
        f"print([each for each in {SLOW_TO_IMPORT} if each in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_the_zygote_is_started_before_anything_is_loaded_that_it_could_load_beside():
    code = "import imagejobs_worker.__main__, sys; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not [
        each
        for each in ("asyncio", "json", "logging", "dataclasses", "imagejobs_contract", "obstore")
        if f"'{each}'" in loaded
    ]


def test_a_shards_first_reads_begin_before_anything_is_loaded_that_can_load_beside_them():
    code = (
        "import imagejobs_worker.settings, imagejobs_worker.shard.prefetch, sys; print(sorted(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not [
        each
        for each in ("asyncio", "ssl", "ctypes", "urllib.parse", "imagejobs_worker.child.decoder")
        if f"'{each}'" in loaded
    ]


def test_a_zygote_that_is_never_told_what_to_be_ends_with_its_parent():
    pid, control = spawn.spawn()
    os.close(control)
    assert os.waitpid(pid, 0)[1] == 0
