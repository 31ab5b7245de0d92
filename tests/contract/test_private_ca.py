"""Redis and S3 with TLS of a private CA, a user of an ACL, and a password of any characters."""

import asyncio
import gc
import warnings
from urllib.parse import quote

import pytest

from conftest import missing
from imagejobs_contract.errors import Unavailable
from imagejobs_contract.redis.task_queue import RedisTaskQueue
from imagejobs_contract.runtime.settings import S3Settings, read, read_redis_url
from imagejobs_contract.s3 import boto
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_contract.s3.part_uploads import BotoPartUploads
from support.servers import certificates, data_servers, tls_front

PASSWORD = "p@ss/w#rd?:%+é \\\"'"


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """A private CA."""
    return certificates.make_files(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def tls_redis(tmp_path_factory, tls):
    """The address of a Redis with TLS."""
    binary = data_servers.find_valkey() or missing("valkey-server")
    folder, (port,) = tmp_path_factory.mktemp("valkey"), data_servers.free_ports(["redis"]).values()
    users = data_servers.users_file(folder, "shop", PASSWORD)
    server = data_servers.start_valkey(folder, binary, ["--aclfile", str(users)], port)
    with tls_front.in_front_of(port, tls.certificate, tls.key) as outer:
        yield f"127.0.0.1:{outer}"
    server.stop()


@pytest.fixture(scope="module")
def tls_s3(tmp_path_factory, tls):
    """The settings of a bucket of an S3 with TLS, as a program reads them."""
    binary = data_servers.find_moto() or missing("moto_server")
    server = data_servers.start_moto(tmp_path_factory.mktemp("moto"), binary, tls)
    environ = {
        "S3_ENDPOINT": server.url("s3", "https"), "S3_BUCKET": "private", "CA_FILE": str(tls.ca),
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "token",
    }  # fmt: skip
    settings = read(environ, S3Settings.read)
    client = boto.open_client(settings, settings.endpoint)
    client.create_bucket(Bucket="private")
    client.close()
    yield settings
    server.stop()


def check_redis(url: str, ca_file: str = "") -> None:
    async def story() -> None:
        queue = RedisTaskQueue(read({"REDIS_URL": url, "CA_FILE": ca_file}, read_redis_url))
        try:
            await queue.check()
            assert await queue.depth() == 0
        finally:
            await queue.close()

    try:
        asyncio.run(story())
    finally:
        with warnings.catch_warnings():
            # asyncio leaves the transport of a failed handshake or login to the collector.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


def test_redis_with_a_private_ca_an_acl_user_and_any_password(tls_redis, tls):
    check_redis(f"rediss://shop:{quote(PASSWORD, safe='')}@{tls_redis}/0", str(tls.ca))


def test_the_ca_may_stand_in_the_url(tls_redis, tls):
    check_redis(f"rediss://shop:{quote(PASSWORD, safe='')}@{tls_redis}/0?ssl_ca_certs={quote(str(tls.ca))}")


def test_a_certificate_of_a_ca_that_is_not_known_is_named(tls_redis):
    with pytest.raises(Unavailable) as raised:
        check_redis(f"rediss://shop:{quote(PASSWORD, safe='')}@{tls_redis}/0")
    assert "not signed by a CA" in raised.value.public


@pytest.mark.parametrize("user", ["shop:wrong", "nobody:x"])
def test_a_wrong_user_or_password_is_named(tls_redis, tls, user):
    with pytest.raises(Unavailable) as raised:
        check_redis(f"rediss://{user}@{tls_redis}/0", str(tls.ca))
    assert "user name or the password" in raised.value.public
    assert "wrong" not in raised.value.public


def test_every_client_of_s3_trusts_the_private_ca(tls_s3):
    async def story() -> None:
        objects, parts = S3Objects(tls_s3), BotoPartUploads(tls_s3)
        await objects.check()
        await objects.put("a/b", b"data", content_type="image/png")
        assert [each.key async for page in objects.list("a/") for each in page] == ["a/b"]
        await parts.abort("a/c", await parts.begin("a/c", "image/png"))
        parts.close()

    asyncio.run(story())


def test_without_the_ca_s3_is_away(tls_s3):
    with pytest.raises(Unavailable):
        asyncio.run(S3Objects(tls_s3._replace(ca_file="")).check())
