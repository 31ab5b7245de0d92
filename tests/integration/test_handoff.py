"""Uploads that reach the workers past S3, and what happens where they do not."""

import signal
from collections.abc import Iterator
from os import kill
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from imagejobs.local import handoff_folder
from support.api.client import ApiClient
from support.clock.waiting import eventually
from support.servers import local_stack
from support.servers.local_stack import LocalStack, photo, running

IMAGES = 6

pytestmark = pytest.mark.skipif(not handoff_folder.MEMORY.exists(), reason="there is no place in memory")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[LocalStack]:
    with running(tmp_path / "data", "--workers", "2") as started:
        yield started


def signal_workers(stack: LocalStack, number: signal.Signals) -> None:
    """Stop the workers, or let them go on."""
    for pid in local_stack.children(stack.pid):
        if "imagejobs_worker" in local_stack.command_line(pid):
            kill(pid, number)


def send(client: ApiClient) -> str:
    """Post a batch and return its id."""
    return str(client.batch({f"{n}.jpg": photo(seed=n) for n in range(IMAGES)}, width=200)["batch_job_id"])


def copies(stack: LocalStack) -> list[Path]:
    """Return what lies between API and workers."""
    folder = handoff_folder.folder(stack.data)
    assert folder
    return list(folder.iterdir())


def in_s3(stack: LocalStack, prefix: str) -> tuple[S3Store, list[str]]:
    """Return the bucket, and the keys in it under a prefix."""
    bucket = local_stack.bucket(stack)
    return bucket, [each["path"] for page in obstore.list(bucket, prefix=prefix) for each in page]


def test_workers_need_not_read_an_upload_from_s3(stack):
    with local_stack.client(stack) as client:
        signal_workers(stack, signal.SIGSTOP)
        batch = send(client)
        bucket, keys = in_s3(stack, f"uploads/{batch}/")
        assert (len(keys), len(copies(stack))) == (IMAGES, IMAGES)
        obstore.delete(bucket, keys)
        signal_workers(stack, signal.SIGCONT)
        assert client.wait_until_final(batch)["done"] == IMAGES
    assert copies(stack) == []


@pytest.mark.parametrize("lost", ["API killed", "copies removed", "folder removed", "workers killed"])
def test_every_image_has_its_result_whatever_is_lost_on_the_way(stack, lost):
    with local_stack.client(stack) as client:
        signal_workers(stack, signal.SIGSTOP)
        batch = send(client)
        assert len(copies(stack)) == IMAGES
        if lost == "API killed":
            kill(stack.part("imagejobs_api"), signal.SIGKILL)
            eventually(lambda: copies(stack) == [], 60)
        elif lost == "copies removed":
            for copy in copies(stack):
                copy.unlink()
        elif lost == "folder removed":
            handoff_folder.remove(handoff_folder.folder(stack.data))
        if lost == "workers killed":
            signal_workers(stack, signal.SIGKILL)
        else:
            signal_workers(stack, signal.SIGCONT)
        eventually(stack.is_ready, seen=stack.terminal_output)
        again = send(client)
        assert [client.wait_until_final(each)["done"] for each in (batch, again)] == [IMAGES, IMAGES]


def test_nothing_stays_in_memory_when_it_stops(stack):
    with local_stack.client(stack) as client:
        signal_workers(stack, signal.SIGSTOP)
        send(client)
        signal_workers(stack, signal.SIGCONT)
        assert stack.stop() == 0
    folder = handoff_folder.folder(stack.data)
    assert folder
    assert not folder.exists()


def test_an_empty_variable_leaves_all_of_it_to_s3(tmp_path):
    with (
        running(tmp_path / "data", environ={"HANDOFF_DIR": ""}) as stack,
        local_stack.client(stack) as client,
    ):
        assert client.wait_until_final(send(client))["done"] == IMAGES
        folder = handoff_folder.folder(stack.data)
        assert folder
        assert not folder.exists()
