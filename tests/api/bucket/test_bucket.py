"""Against a real S3: what the chart's bucket Job does."""

import subprocess
import sys
import uuid

import pytest

from imagejobs_api.bucket import rules
from imagejobs_api.bucket.set_up import client, set_up
from imagejobs_contract.errors import Misconfigured, Unavailable


@pytest.fixture
def new_bucket(s3_settings):
    """Settings that name a bucket which is not there."""
    return s3_settings._replace(bucket=f"new-{uuid.uuid4().hex[:8]}")


def lifecycle(s3):
    return client(s3).get_bucket_lifecycle_configuration(Bucket=s3.bucket)["Rules"]


def test_a_missing_bucket_is_made_with_its_rules(new_bucket):
    set_up(client(new_bucket), new_bucket, 8)
    expiring = [
        (rule["Filter"]["Prefix"], rule["Expiration"]["Days"])
        for rule in lifecycle(new_bucket)
        if "Expiration" in rule
    ]
    assert expiring == [("uploads/", 8)]


def test_parts_that_nobody_puts_together_go_after_a_day(new_bucket):
    set_up(client(new_bucket), new_bucket, 8)
    assert [
        rule["AbortIncompleteMultipartUpload"]
        for rule in lifecycle(new_bucket)
        if rule["ID"] == "imagejobs-parts"
    ] == [{"DaysAfterInitiation": 1}]


def test_running_twice_changes_the_rule_and_adds_none(new_bucket):
    set_up(client(new_bucket), new_bucket, 8)
    before = len(lifecycle(new_bucket))
    set_up(client(new_bucket), new_bucket, 9)
    rules_now = lifecycle(new_bucket)
    assert (len(rules_now), {rule["Expiration"]["Days"] for rule in rules_now if "Expiration" in rule}) == (
        before,
        {9},
    )


def test_rules_of_others_stay():
    other = {
        "ID": "keep-a-year",
        "Filter": {"Prefix": "logs/"},
        "Status": "Enabled",
        "Expiration": {"Days": 365},
    }
    old = {
        "ID": "imagejobs-uploads",
        "Filter": {"Prefix": "uploads/"},
        "Status": "Enabled",
        "Expiration": {"Days": 1},
    }
    assert rules.merge([other, old], 8) == [other, *rules.own_rules(8)]


@pytest.mark.usefixtures("refusing_s3")
def test_wrong_keys_are_named_as_such(s3_settings):
    wrong = s3_settings._replace(secret_access_key="wrong")
    with pytest.raises(Misconfigured, match="refuses HeadBucket"):
        set_up(client(wrong), wrong, 8)


def test_an_s3_that_does_not_answer_is_named(s3_settings):
    gone = s3_settings._replace(endpoint="http://127.0.0.1:9")
    with pytest.raises(Unavailable, match=r"http://127\.0\.0\.1:9"):
        set_up(client(gone), gone, 8)


def test_the_program_says_in_one_line_that_all_is_well(new_bucket):
    environ = {
        "S3_ENDPOINT": new_bucket.endpoint,
        "S3_BUCKET": new_bucket.bucket,
        "AWS_ACCESS_KEY_ID": new_bucket.access_key_id,
    }
    environ |= {"AWS_SECRET_ACCESS_KEY": new_bucket.secret_access_key, "UPLOAD_DAYS": "3"}
    run = subprocess.run(
        [sys.executable, "-m", "imagejobs_api.bucket"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert "uploads that no job took go after 3 days" in run.stdout
