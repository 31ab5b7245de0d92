"""A decoder that was taken over tries to get out: each attempt fails, and its image with it."""

import asyncio
import sys

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Variant
from imagejobs_worker.child import probe
from imagejobs_worker.child.config import SandboxMode
from imagejobs_worker.child.decoder import MAX_CRASHES, Decoder
from imagejobs_worker.child.verify import max_answer_bytes
from support.images import pictures
from support.worker import in_fork, red_team

SMALL = [Variant(width=20)]
PHOTO = pictures.saved(pictures.photo(80, 60), "jpeg")
WOULD_WORK = (
    *("read_environment", "look_at_descriptors", "signal_the_parent", "signal_another"),
    *(
        "connect_tcp",
        "listen_on_tcp",
        "send_udp",
        "connect_unix",
        "connect_abstract",
        "another_descriptor",
        "memory_file",
    ),
    *(
        "read_a_file",
        "write_a_file",
        "add_to_a_file",
        "make_a_folder",
        "list_a_folder",
        "look_for_a_file",
        "link_a_file",
        "change_a_mode",
    ),
    *(
        "fork",
        "start_a_thread",
        "code_in_new_memory",
        "code_in_old_memory",
        "shared_memory",
        "another_core",
        "limit_the_parent",
    ),
)
"""What any process of the same user may do on any Linux; the rest needs luck or rights."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="cages are made of what Linux has")
caged = pytest.mark.skipif(
    sys.platform != "linux" or bool(probe.probe_sandbox().missing), reason="needs Landlock and seccomp"
)


@pytest.fixture(scope="module")
def captive():
    """Runs an attempt in a child and returns how it failed; the next image proves that the worker lives."""
    loop, decoder = (
        asyncio.new_event_loop(),
        Decoder(
            Limits(image_seconds=10), cage=SandboxMode.REQUIRED, render="support.worker.red_team:attempt"
        ),
    )
    loop.run_until_complete(decoder.start())

    def attempt(source):
        with pytest.raises(ImageFailed) as found:
            loop.run_until_complete(decoder.render(source, SMALL))
        assert loop.run_until_complete(decoder.render(PHOTO, SMALL)).pictures[0].width == 20
        return found.value

    yield attempt
    loop.run_until_complete(decoder.close())
    loop.close()


@caged
@pytest.mark.parametrize("name", red_team.ATTEMPTS)
def test_no_attempt_gets_out(captive, known, name):
    """All calls that these need are forbidden: the kernel ends the child at the first."""
    found = captive(red_team.order(name, known))
    assert (found.code, found.message) == (Code.INTERNAL_ERROR, "ended its decoder by SIGSYS")


@caged
def test_the_limit_of_processor_time_is_not_lifted(captive):
    found = captive(red_team.order("lift_the_cpu_limit", {}))
    assert (found.code, "not allowed to raise" in found.message) == (Code.CORRUPT_IMAGE, True)


@caged
def test_an_answer_is_no_longer_than_what_was_asked_for(captive):
    """512 kB beside the pixels, for one pixel."""
    assert captive(red_team.order("send_far_too_much", {})).code is Code.INTERNAL_ERROR
    asked = max_answer_bytes(SMALL, Limits(), pictures.GIF)
    assert asked < 2**20
    assert max_answer_bytes([Variant(width=4000, height=3000)], Limits(), PHOTO) > 90_000_000


@caged
def test_addresses_change_after_some_crashes(captive):
    """Else a byte of an address a crash is guessed, and 256 crashes a byte are enough."""

    def addresses():
        return captive(red_team.order("tell_its_addresses", {})).message

    before = addresses()
    assert addresses() == before
    for _ in range(MAX_CRASHES):
        assert captive(red_team.order("crash", {})).message == "ended its decoder by SIGSEGV"
    assert addresses() != before


@caged
def test_an_answer_that_was_made_before_its_request_is_refused():
    async def visit():
        decoder = Decoder(Limits(image_seconds=10), render="support.worker.red_team:attempt")
        await decoder.start()
        try:
            await decoder.render(red_team.order("answer_the_next_unread", {}), SMALL)
            with pytest.raises(ImageFailed) as found:
                await decoder.render(PHOTO, SMALL)
            assert (await decoder.render(PHOTO, SMALL)).pictures[0].width == 20
            return found.value.code
        finally:
            await decoder.close()

    assert asyncio.run(visit()) is Code.INTERNAL_ERROR


@caged
@pytest.mark.parametrize("name", ["start_threads_without_end", "start_and_end_threads"])
def test_where_threads_are_allowed_they_are_few(name):
    pytest.importorskip("pi_heif")

    async def visit():
        decoder = Decoder(
            Limits(image_seconds=20),
            cage=SandboxMode.REQUIRED,
            heic=True,
            render="support.worker.red_team:attempt",
        )
        await decoder.start()
        try:
            with pytest.raises(ImageFailed) as found:
                await decoder.render(red_team.order(name, {}), SMALL)
            assert (await decoder.render(PHOTO, SMALL)).pictures[0].width == 20
            return found.value
        finally:
            await decoder.close()

    found = asyncio.run(visit())
    assert (found.code, found.message) == (Code.INTERNAL_ERROR, "started too many threads")


@pytest.mark.parametrize("name", WOULD_WORK)
def test_the_attempts_are_real(known, name):
    """Without a cage they work; else the test above would prove nothing."""
    assert in_fork.outcome(lambda: red_team.ATTEMPTS[name](**known)) == 0
