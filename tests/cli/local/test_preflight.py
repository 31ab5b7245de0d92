"""The person's own Redis and S3 are asked before anything starts."""

import subprocess
import sys

import pytest

from imagejobs.local import preflight
from imagejobs.local.errors import BadSettings
from imagejobs.local.options import LocalOptions
from support.servers import data_servers


def check(**environ: str) -> None:
    preflight.check(LocalOptions.gather(environ))


def s3_variables(settings) -> dict[str, str]:
    return {
        "S3_ENDPOINT": settings.endpoint, "S3_BUCKET": settings.bucket,
        "AWS_ACCESS_KEY_ID": settings.access_key_id, "AWS_SECRET_ACCESS_KEY": settings.secret_access_key,
    }  # fmt: skip


def test_servers_that_work_are_no_fault(redis_url, s3_settings):
    check(REDIS_URL=redis_url, **s3_variables(s3_settings))


def test_nothing_is_asked_where_everything_is_started_here():
    check()


def test_strange_keys_keep_nothing_from_starting(moto_settings, moto_bucket_maker):
    moto_bucket_maker.put_object(Bucket=moto_settings.bucket, Key="a//b.jpg", Body=b"x")
    check(**s3_variables(moto_settings))


def test_a_bucket_that_does_not_exist_is_named(moto_settings):
    with pytest.raises(BadSettings, match="S3_ENDPOINT: the bucket does not exist"):
        check(**s3_variables(moto_settings) | {"S3_BUCKET": "nobody-made-this"})


def test_all_faults_are_told_at_once_with_exit_code_2_and_without_a_secret(tmp_path):
    port = data_servers.free_ports(["none"])["none"]
    done = subprocess.run(
        [sys.executable, "-m", "imagejobs", "local", "--data", tmp_path / "data"],
        env={"REDIS_URL": f"redis://:s3cr#et@127.0.0.1:{port}/0", "S3_ENDPOINT": "https://me:s3cret@example"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "REDIS_URL" in done.stderr
    assert "S3_ENDPOINT" in done.stderr
    assert "s3cr" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_server_that_does_not_answer_is_named(s3_settings):
    port = data_servers.free_ports(["none"])["none"]
    with pytest.raises(BadSettings, match="REDIS_URL"):
        check(REDIS_URL=f"redis://:s3cret@127.0.0.1:{port}/0")
