import pytest

from imagejobs_contract.model.limits import Limits
from imagejobs_contract.runtime import settings
from imagejobs_contract.runtime.settings import S3Settings, read, read_limits, read_redis_url


def test_without_variables_s3_is_aws():
    expected = S3Settings("", "", "imagejobs", "us-east-1", "", "", path_style=False, unsigned_payload=False)
    assert read({}, S3Settings.read) == expected


def test_an_endpoint_of_ones_own_has_the_bucket_in_the_path_and_serves_links_too():
    s3 = read({"S3_ENDPOINT": "http://s3.storage:9000"}, S3Settings.read)
    assert (s3.path_style, s3.public_endpoint, s3.unsigned_payload) == (True, "http://s3.storage:9000", False)


def test_bodies_go_unsigned_to_this_machine_only():
    assert read({"S3_ENDPOINT": "http://127.0.0.1:9000"}, S3Settings.read).unsigned_payload


def test_every_variable_of_s3_counts():
    environ = {
        "S3_ENDPOINT": "https://a", "S3_PUBLIC_ENDPOINT": "https://b", "S3_BUCKET": "pictures",
        "S3_REGION": "eu-1", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "S3_PATH_STYLE": "false",
        "S3_UNSIGNED_PAYLOAD": "true",
    }  # fmt: skip
    assert read(environ, S3Settings.read) == S3Settings(
        "https://a", "https://b", "pictures", "eu-1", "k", "s", path_style=False, unsigned_payload=True
    )


def test_all_bad_variables_are_named_at_once_and_the_program_ends_with_2(capsys):
    environ = {
        "S3_ENDPOINT": "ftp://x",
        "S3_BUCKET": "A",
        "S3_PATH_STYLE": "perhaps",
        "S3_UNSIGNED_PAYLOAD": "?",
    }
    with pytest.raises(SystemExit) as raised:
        read(environ, S3Settings.read)
    assert raised.value.code == 2
    said = capsys.readouterr().err
    assert all(name in said for name in environ)


@pytest.mark.parametrize(
    ("name", "value", "parse"),
    [
        ("AWS_SECRET_ACCESS_KEY", "s3cret" * 50, S3Settings.read),
        ("REDIS_URL", "http://u:s3cret@a", read_redis_url),
    ],
)
def test_a_secret_is_never_said(name, value, parse, capsys):
    with pytest.raises(SystemExit):
        read({name: value}, parse)
    said = capsys.readouterr().err
    assert name in said
    assert "s3cret" not in said


def test_an_empty_variable_counts_as_unset():
    assert read({"S3_BUCKET": "", "REDIS_URL": ""}, S3Settings.read).bucket == "imagejobs"
    assert read({"REDIS_URL": ""}, read_redis_url) == "redis://127.0.0.1:6379/0"


@pytest.mark.parametrize("url", ["redis://a:1/0", "rediss://user:pass@a:1/0", "unix:///run/redis.sock"])
def test_redis_urls(url):
    assert read({"REDIS_URL": url}, read_redis_url) == url


@pytest.mark.parametrize("url", ["http://a", "a:6379", "redis://"])
def test_what_is_no_redis_url_ends_the_program(url, capsys):
    with pytest.raises(SystemExit) as raised:
        read({"REDIS_URL": url}, read_redis_url)
    assert raised.value.code == 2
    assert "REDIS_URL: the value is not a Redis URL" in capsys.readouterr().err


def test_limits_have_their_defaults_and_each_its_variable():
    assert read({}, read_limits) == Limits()
    changed = read({name.upper(): "7" for name in Limits._fields}, read_limits)
    assert {getattr(changed, name) for name in Limits._fields} == {7}


@pytest.mark.parametrize("name", [name.upper() for name in Limits._fields])
@pytest.mark.parametrize("value", ["0", "-1", "x", "1e99"])
def test_a_limit_cannot_be_switched_off(name, value, capsys):
    with pytest.raises(SystemExit):
        read({name: value}, read_limits)
    assert name in capsys.readouterr().err


def test_reading_settings_starts_nothing():
    assert not hasattr(settings, "os")
