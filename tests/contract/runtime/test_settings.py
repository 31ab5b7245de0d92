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


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0", "rediss://user:p%40ss%2Fw%23rd%3F@redis.example:6380/2", "redis://host",
        "redis://:p@ss:word@host:6379", "unix:///run/redis.sock?db=1", "redis://[::1]:6379/0?db=2",
        "rediss://host/?ssl_ca_certs=/etc/ca.pem",
    ],
)  # fmt: skip
def test_urls_of_redis_that_people_have_are_taken(url):
    assert read({"REDIS_URL": url}, read_redis_url) == url


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("redis://:s3cr#et@host:6379/0", "percent-encode"),
        ("redis://:s3cr/et@host:6379/0", "percent-encode"),
        ("redis://:s3cr?et@host:6379/0", "percent-encode"), ("redis://host:port/0", "percent-encode"),
        ("redis://host:6379/first", "percent-encode"), ("redis://host:6379/0?s3cret=1", "may follow"),
        ("redis+sentinel://a:26379,b:26379/mymaster", "Sentinel"), ("sentinel://a", "Sentinel"),
        ("redis://a:6379,b:6379/0", "host and port"), ("http://host", "not a Redis URL"),
        ("redis://", "not a Redis URL"),
    ],
)  # fmt: skip
def test_a_url_of_redis_that_would_be_read_as_another_is_named_and_never_repeated(url, part, capsys):
    with pytest.raises(SystemExit) as raised:
        read({"REDIS_URL": url}, read_redis_url)
    assert raised.value.code == 2
    said = capsys.readouterr().err
    assert "REDIS_URL" in said
    assert part in said
    assert "s3cr" not in said


@pytest.mark.parametrize("name", ["S3_ENDPOINT", "S3_PUBLIC_ENDPOINT"])
@pytest.mark.parametrize(
    "url", ["https://me:s3cret@s3.example", "https://s3.example/?a=b", "https://s3.example#a"]
)
def test_an_endpoint_that_would_be_seen_in_links_holds_no_credentials(name, url, capsys):
    with pytest.raises(SystemExit):
        read({name: url}, S3Settings.read)
    said = capsys.readouterr().err
    assert "without user" in said
    assert "s3cret" not in said


def test_a_file_of_cas_is_looked_at_before_anything_is_asked(tmp_path, capsys):
    (tmp_path / "empty.pem").write_text("nothing")
    for path, part in ((tmp_path / "none.pem", "cannot be read"), (tmp_path / "empty.pem", "no certificate")):
        with pytest.raises(SystemExit):
            read({"CA_FILE": str(path)}, lambda reader: (read_redis_url(reader), S3Settings.read(reader)))
        said = capsys.readouterr().err
        assert said.count("CA_FILE") == 1
        assert part in said
