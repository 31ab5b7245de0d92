import subprocess
import sys

import pytest

SLOW_TO_IMPORT = ("redis", "boto3", "botocore", "PIL", "http.client", "imagejobs_contract.address", "imagejobs_worker.pool")


@pytest.mark.parametrize("arguments", [[], ["both"], ["pool", "shard"]])
def test_a_wrong_call_is_answered_with_the_usage(arguments):
    ended = subprocess.run([sys.executable, "-m", "imagejobs_worker", *arguments], capture_output=True, text=True, env={}, check=False)
    assert (ended.returncode, ended.stderr) == (2, "usage: imagejobs-worker pool | shard\n")


def test_what_a_shard_does_not_need_for_its_first_image_is_not_imported():
    code = f"import imagejobs_worker.__main__, imagejobs_worker.shard, sys; print([each for each in {SLOW_TO_IMPORT} if each in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
