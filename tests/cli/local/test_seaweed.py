"""SeaweedFS as local mode runs it: what it took is there after the machine went down."""

import asyncio
import contextlib
import os
import signal

import httpx2
import obstore
import pytest
from obstore.store import S3Store

from imagejobs.local.data_dir import DataDirectory
from imagejobs.local.errors import CannotRun
from imagejobs.local.ports import PortClaims, Ports
from imagejobs.local.run_secrets import RunSecrets
from imagejobs.local.services import seaweed, seaweed_index
from imagejobs.local.supervisor import ProcessKeeper
from support.clock import shifted_clock

BUCKET = "imagejobs"
HERE = "this-boot"
OTHER = "another-boot"


@pytest.fixture
def data(tmp_path):
    try:
        seaweed.find()
    except CannotRun as ex:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(ex))
    directory = DataDirectory(tmp_path)
    directory.prepare()
    return directory


@contextlib.asynccontextmanager
async def running(data: DataDirectory):
    """Start SeaweedFS as local mode does; kill it at the end, as a power cut would."""
    shifted_clock.skip_beside("SeaweedFS")
    with PortClaims() as claims:
        ports, credentials = seaweed.SeaweedPorts.choose(Ports("127.0.0.1", claims)), data.credentials()
        secrets = RunSecrets.make(data.secrets)
        program = seaweed.program(data, ports, credentials, secrets, os.environ)
        keeper = ProcessKeeper(program, lambda _: None, ())
        task = asyncio.create_task(keeper.run())
        try:
            async with asyncio.timeout(120):
                await seaweed.set_up(ports, secrets, BUCKET)
                await keeper.ready.wait()
            store = S3Store(
                BUCKET,
                endpoint=f"http://127.0.0.1:{ports.s3}",
                region="us-east-1",
                access_key_id=credentials.access_key_id,
                secret_access_key=credentials.secret_access_key,
                client_options={"allow_http": True},
            )
            yield ports, secrets, store
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if keeper.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(keeper.pid, signal.SIGKILL)
            await keeper.stop()


def test_what_was_stored_is_there_after_the_machine_went_down_and_the_index_was_lost(data):
    async def store_and_cut():
        async with running(data) as (_, _, store):
            for n in range(5):
                await obstore.put_async(store, f"outputs/j/{n}", b"%d" % n * 5000)

    async def read():
        async with running(data) as (_, _, store):
            return [
                bytes(await (await obstore.get_async(store, f"outputs/j/{n}")).bytes_async())
                for n in range(5)
            ]

    seaweed_index.begin(data.seaweed, OTHER)
    asyncio.run(store_and_cut())
    for index in data.seaweed.glob("*.idx"):
        os.truncate(index, 0)
    assert seaweed_index.was_interrupted(data.seaweed, HERE)
    seaweed_index.rebuild(data.seaweed, seaweed.find())
    assert asyncio.run(read()) == [b"%d" % n * 5000 for n in range(5)]


def test_the_bucket_is_private_and_forgets_uploads_but_not_outputs(data):
    async def run():
        async with running(data) as (ports, secrets, store):
            tls = secrets.client_context()

            def notes(key: str) -> str:
                path = f"/buckets/{BUCKET}/{key}?metadata=true"
                return seaweed.request(tls, ports.filer, "GET", path)[1].replace(" ", "")

            await obstore.put_async(store, "uploads/u/0", b"x")
            await obstore.put_async(store, "outputs/j/0", b"x")
            unsigned = httpx2.get(f"http://127.0.0.1:{ports.s3}/{BUCKET}/outputs/j/0", timeout=10)
            assert unsigned.status_code == 403
            assert '"TtlSec":691200' in notes("uploads/u/0")
            assert '"TtlSec":0' in notes("outputs/j/0")

    asyncio.run(run())


def test_a_touched_bucket_is_the_same_bucket_and_its_gateway_hears_of_it(data):
    async def run():
        async with running(data) as (ports, secrets, store):
            await obstore.put_async(store, "outputs/j/0", b"x")
            assert await seaweed.touch_bucket(ports, secrets, BUCKET) == 202
            assert await seaweed.touch_bucket(ports, secrets, BUCKET) == 202
            assert bytes(await (await obstore.get_async(store, "outputs/j/0")).bytes_async()) == b"x"
            tls = secrets.client_context()
            notes = seaweed.request(tls, ports.filer, "GET", f"/buckets/{BUCKET}?metadata=true")[1]
            assert "Seaweed-Imagejobs-Touched" in notes

    asyncio.run(run())


def test_parts_that_want_a_certificate_still_store_copy_and_read_files_of_several_chunks(data):
    async def run():
        content = os.urandom(9 * 2**20)
        async with running(data) as (_, _, store):
            await obstore.put_async(store, "uploads/u/0", content, use_multipart=True, chunk_size=5 * 2**20)
            await obstore.put_async(store, "uploads/u/1", b"small")
            for n in range(2):
                await obstore.copy_async(store, f"uploads/u/{n}", f"outputs/j/{n}")
            stored = [await obstore.get_async(store, f"outputs/j/{n}") for n in range(2)]
            assert [bytes(await each.bytes_async()) for each in stored] == [content, b"small"]
            part = await obstore.get_range_async(store, "outputs/j/0", start=4 * 2**20 - 5, length=10)
            assert bytes(part) == content[4 * 2**20 - 5 : 4 * 2**20 + 5]
            await obstore.delete_async(store, "outputs/j/0")
            assert [each["path"] for each in await obstore.list(store, "outputs/").collect_async()] == [
                "outputs/j/1"
            ]

    asyncio.run(run())


def test_only_a_folder_in_use_under_another_boot_was_interrupted(tmp_path):
    assert not seaweed_index.was_interrupted(tmp_path, HERE)
    seaweed_index.begin(tmp_path, OTHER)
    assert seaweed_index.was_interrupted(tmp_path, HERE)
    assert not seaweed_index.was_interrupted(tmp_path, OTHER)
    seaweed_index.finish(tmp_path)
    assert not seaweed_index.was_interrupted(tmp_path, HERE)


def test_without_a_boot_id_every_unclean_end_counts_as_a_cut(tmp_path):
    seaweed_index.begin(tmp_path, "")
    assert seaweed_index.was_interrupted(tmp_path, "")


def test_an_index_that_cannot_be_rebuilt_is_reported_in_a_sentence(tmp_path):
    with pytest.raises(CannotRun, match="could not be rebuilt"):
        seaweed_index.rebuild(tmp_path, tmp_path / "weed")
