"""What the chart's Secrets are filled with."""

import hashlib
import json

import yaml

from imagejobs_api.callers.callers_file import CallersFile
from imagejobs_api.first_secrets import contents


def test_the_api_gets_the_hash_of_the_key_that_people_get(tmp_path):
    key = contents.key({})
    text = contents.callers(key)["callers.yaml"]
    (caller,) = yaml.safe_load(text)["callers"]
    assert key["API_KEY"].startswith("ijk_")
    assert caller["keys"] == [{"sha256": hashlib.sha256(key["API_KEY"].encode()).hexdigest()}]
    assert key["API_KEY"] not in text
    (tmp_path / "callers.yaml").write_text(text)
    CallersFile(tmp_path / "callers.yaml", "default")  # the API reads it


def test_what_is_there_stays():
    assert contents.key({"API_KEY": "ijk_old"}) == {"API_KEY": "ijk_old"}
    assert contents.watch({"WATCH_SECRETS": "old"}) == {"WATCH_SECRETS": "old"}
    first = contents.try_out({}, "valkey:6379")
    assert contents.try_out(first, "valkey:6379") == first
    moved = contents.try_out(first, "other:6379")
    assert {name for name in first if first[name] != moved[name]} == {"REDIS_URL"}


def test_what_is_made_is_long_and_another_each_time():
    for make in (contents.key, contents.watch, lambda present: contents.try_out(present, "v:6379")):
        for first, second in zip(make({}).values(), make({}).values(), strict=True):
            assert first != second
            assert len(first) >= 20


def test_the_try_outs_s3_knows_the_key_that_its_clients_have():
    made = contents.try_out({}, "valkey:6379")
    ((identity,),) = json.loads(made["s3.json"]).values()
    given = {"accessKey": made["AWS_ACCESS_KEY_ID"], "secretKey": made["AWS_SECRET_ACCESS_KEY"]}
    assert identity["credentials"] == [given]
    assert made["REDIS_URL"] == f"redis://:{made['VALKEY_PASSWORD']}@valkey:6379/0"
    assert set(contents.for_clients(made)) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "REDIS_URL"}
