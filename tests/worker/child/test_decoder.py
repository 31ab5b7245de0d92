"""The decoder against a real child: each failure in it is one code out here, and the next image is fine."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Fit, Format, Gravity, Variant
from imagejobs_worker.child.config import SandboxMode, SandboxReport
from imagejobs_worker.child.decoder import Decoder
from imagejobs_worker.imaging.crop import faces
from support.clock.waiting import until
from support.images import broken_decoders, pictures

PHOTO = pictures.saved(pictures.photo(160, 120), "jpeg")
CUT = PHOTO[: len(PHOTO) // 2]
"""Only a decoder sees what is wrong with it."""
SMALL = [Variant(width=40)]
BROKEN = "support.images.broken_decoders:by_source"
NEVER_LOADED = "support.worker.never_loaded:render"


def with_decoder(visit, *, limits=None, **options):
    """Run `visit(decoder)` with a decoder that is started before it and closed after it."""

    async def run():
        decoder = Decoder(limits or Limits(), **options)
        await decoder.start()
        try:
            return await visit(decoder)
        finally:
            await decoder.close()

    return asyncio.run(run())


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def children_of(pid):
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found += [int(each.name)] * (parent_of(each.name) == pid and alive(int(each.name)))
    return found


async def lose_one(decoder):
    """Let a picture end its child, and return the zygote of the next one."""
    await decoder.render(PHOTO, SMALL)
    await fault(decoder, CUT)
    await decoder.render(PHOTO, SMALL)
    return parent_of(decoder.child_pid)


async def spares_of(decoder, zygote):
    """Return the spare children, once there is one."""
    await until(lambda: len(children_of(zygote)) == 2)
    return [pid for pid in children_of(zygote) if pid != decoder.child_pid]


def threads_of(pid):
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


async def fault(decoder, source, variants=SMALL):
    with pytest.raises(ImageFailed) as found:
        await decoder.render(source, variants)
    return found.value


def test_an_image_goes_in_and_its_results_come_out():
    async def visit(decoder):
        variants = [
            Variant("a", width=40),
            Variant("b", width=20, format=Format.PNG),
            Variant("c", only_if_smaller=True, quality=100),
        ]
        return await decoder.render(PHOTO, variants)

    found = with_decoder(visit)
    assert [
        (each.variant, each.width, each.height, each.format, each.kept_original) for each in found.pictures
    ] == [
        ("a", 40, 30, Format.JPEG, False),
        ("b", 20, 15, Format.PNG, False),
        ("c", 160, 120, Format.JPEG, True),
    ]
    assert [pictures.opened(each.data).size for each in found.pictures] == [(40, 30), (20, 15), (160, 120)]
    assert found.pictures[2].data == PHOTO
    assert (found.source_format, found.source_width, found.source_height, found.frames) == (
        "jpeg",
        160,
        120,
        1,
    )


@pytest.mark.parametrize("form", pictures.FORMATS)
def test_every_format_passes(form):
    async def visit(decoder):
        variants = [Variant(str(n), width=30, format=result) for n, result in enumerate(Format)]
        return await decoder.render(pictures.saved(pictures.photo(60, 40), form), variants)

    assert [each.format for each in with_decoder(visit).pictures] == list(Format)


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        (b"", Code.NOT_AN_IMAGE, "The file is empty."),
        (b"hello, I am text", Code.NOT_AN_IMAGE, "The file is not an image."),
        (
            pictures.png_header(60_000, 60_000),
            Code.TOO_MANY_PIXELS,
            "has 60000x60000 = 3600000000 pixels; at most 50000000 are allowed",
        ),
    ],
    ids=["empty", "text", "bomb"],
)
def test_what_the_pipeline_says_comes_out(source, code, message):
    found = with_decoder(lambda decoder: fault(decoder, source))
    assert (found.code, found.message) == (code, message)


@pytest.mark.parametrize(
    ("deed", "code", "message"),
    [
        ("crash", Code.INTERNAL_ERROR, "SIGSEGV"),
        ("abort", Code.INTERNAL_ERROR, "SIGABRT"),
        ("sys", Code.INTERNAL_ERROR, "SIGSYS"),
        ("killed", Code.OUT_OF_MEMORY, "memory"),
        ("cpu", Code.PROCESSING_TIMEOUT, "processor time"),
        ("allocate", Code.OUT_OF_MEMORY, "memory"),
        ("exit", Code.INTERNAL_ERROR, "ended"),
        ("raise", Code.INTERNAL_ERROR, "inside imagejobs"),
        ("garbage", Code.INTERNAL_ERROR, "inside imagejobs"),
        ("a gigabyte", Code.INTERNAL_ERROR, "inside imagejobs"),
        ("a large head", Code.INTERNAL_ERROR, "inside imagejobs"),
        ("no json", Code.INTERNAL_ERROR, "inside imagejobs"),
        ("deep json", Code.INTERNAL_ERROR, "inside imagejobs"),
        ("a list", Code.INTERNAL_ERROR, "inside imagejobs"),
        ("another's code", Code.INTERNAL_ERROR, "inside imagejobs"),
        ("no nonce", Code.INTERNAL_ERROR, "inside imagejobs"),
        ("another variant", Code.INTERNAL_ERROR, "inside imagejobs"),
        ("another format", Code.INTERNAL_ERROR, "inside imagejobs"),
        ("a huge size", Code.INTERNAL_ERROR, "inside imagejobs"),
        ("the original", Code.INTERNAL_ERROR, "inside imagejobs"),
    ],
)
def test_whatever_the_child_does_is_one_coded_failure(broken, deed, code, message):
    found = broken(deed)
    assert found.code is code
    assert message in found.message


@pytest.fixture(scope="module")
def broken():
    """One decoder for all deeds: each finds a living child, so the one before was replaced."""
    loop = asyncio.new_event_loop()
    decoder = Decoder(Limits(), render=BROKEN)
    loop.run_until_complete(decoder.start())

    def do(deed):
        loop.run_until_complete(decoder.render(PHOTO, SMALL))
        found = loop.run_until_complete(fault(decoder, broken_decoders.deed(deed)))
        assert loop.run_until_complete(decoder.render(PHOTO, SMALL)).pictures[0].width == 40
        return found

    yield do
    loop.run_until_complete(decoder.close())
    loop.close()


def test_texts_of_the_child_are_printable_and_short(broken):
    found = broken("text")
    assert found.code is Code.CORRUPT_IMAGE
    assert found.message.startswith("red[31mxxx")
    assert len(found.message) < 256


@pytest.mark.parametrize("deed", ["loop", "silence"])
def test_a_child_that_takes_too_long_is_killed(deed):
    async def visit(decoder):
        await decoder.render(PHOTO, SMALL)
        pid, started = decoder.child_pid, time.monotonic()
        found = await fault(decoder, broken_decoders.deed(deed))
        assert time.monotonic() - started >= 0.3
        assert not alive(pid)
        await decoder.render(PHOTO, SMALL)
        return found

    found = with_decoder(visit, limits=Limits(image_seconds=0.3), render=BROKEN)
    assert (found.code, found.message) == (
        Code.PROCESSING_TIMEOUT,
        "took longer than the 0.3 s that are allowed",
    )


def test_a_cancelled_call_kills_the_child_and_leaves_the_door_usable():
    async def visit(decoder):
        await decoder.render(PHOTO, SMALL)
        pid = decoder.child_pid
        call = asyncio.create_task(decoder.render(broken_decoders.deed("loop"), SMALL))
        before = processor_ticks(pid)
        await until(lambda: processor_ticks(pid) >= before + 5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not alive(pid)
        assert (await decoder.render(PHOTO, SMALL)).pictures
        assert decoder.child_pid != pid

    with_decoder(visit, render=BROKEN)


@pytest.mark.parametrize("turns", [1, 2, 5, 50])
def test_a_cancelled_first_call_leaves_the_door_usable(turns):
    async def visit(decoder):
        call = asyncio.create_task(decoder.render(PHOTO, SMALL))
        for _ in range(turns):
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await decoder.render(PHOTO, SMALL)).pictures

    with_decoder(visit)


def test_a_dead_zygote_is_started_again():
    async def visit(decoder):
        await decoder.render(PHOTO, SMALL)
        child, zygote = decoder.child_pid, parent_of(decoder.child_pid)
        os.kill(zygote, signal.SIGKILL)
        await until(lambda: not alive(child))
        assert (await decoder.render(PHOTO, SMALL)).pictures
        assert parent_of(decoder.child_pid) != zygote

    with_decoder(visit)


def test_a_door_works_without_having_been_started():
    async def visit():
        decoder = Decoder(Limits())
        try:
            return await decoder.render(PHOTO, SMALL)
        finally:
            await decoder.close()

    assert asyncio.run(visit()).pictures


@pytest.mark.skipif(not faces.is_installed(), reason="imagejobs-worker[face] is not installed")
def test_faces_are_found_by_children_of_a_zygote_that_loaded_the_detector_on_demand():
    face = pictures.saved(pictures.face((900, 480), at=(700, 240)), "jpeg")
    cropped = [Variant(width=100, height=100, fit=Fit.COVER, gravity=Gravity.FACE)]

    async def visit(decoder):
        zygote = await lose_one(decoder)
        plain = decoder.child_pid
        found = await decoder.render(face, cropped)
        seeing = decoder.child_pid
        none = await fault(decoder, PHOTO, cropped)
        await decoder.render(face, cropped)
        return (
            plain != seeing,
            parent_of(decoder.child_pid) == zygote,
            none.code,
            found.pictures[0].width,
            threads_of(zygote),
        )

    assert with_decoder(visit) == (True, True, Code.NO_FACE_FOUND, 100, 1)


def test_an_owner_never_gets_anothers_child():
    async def visit(decoder):
        pids = []
        for owner in ("a", "a", "b", "a"):
            await decoder.render(PHOTO, SMALL, owner)
            pids.append(decoder.child_pid)
        return pids

    first, again, other, back = with_decoder(visit)
    assert first == again
    assert len({first, other, back}) == 3


def test_a_worn_child_is_replaced():
    async def visit(decoder):
        pids = []
        for _ in range(6):
            pids.append(decoder.child_pid)
            await decoder.render(PHOTO, SMALL)
        return pids

    assert with_decoder(visit, recycle_after=1) == [None] * 6


def test_a_child_that_failed_is_not_used_again():
    async def visit(decoder):
        await decoder.render(PHOTO, SMALL)
        pid = decoder.child_pid
        await fault(decoder, CUT)
        assert decoder.child_pid is None
        await decoder.render(PHOTO, SMALL)
        assert decoder.child_pid != pid

    with_decoder(visit)


def test_many_at_once_take_turns():
    async def visit(decoder):
        return await asyncio.gather(*(decoder.render(PHOTO, [Variant(width=10 + n)]) for n in range(12)))

    assert [each.pictures[0].width for each in with_decoder(visit)] == list(range(10, 22))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_the_next_child_comes_of_the_same_zygote_which_has_everything_loaded():
    async def visit(decoder):
        zygotes = set()
        for _ in range(10):
            zygotes.add(await lose_one(decoder))
        return zygotes

    assert len(with_decoder(visit)) == 1


@pytest.mark.parametrize(
    "source", [b"", b"hello, I am text", pictures.png_header(60_000, 60_000)], ids=["empty", "text", "bomb"]
)
def test_a_file_that_its_first_bytes_rule_out_does_not_reach_a_child(source):
    async def visit(decoder):
        await fault(decoder, source)
        assert decoder.child_pid is None
        await decoder.render(PHOTO, SMALL)
        pid = decoder.child_pid
        await fault(decoder, source)
        assert decoder.child_pid == pid

    with_decoder(visit)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_once_a_child_was_lost_the_next_one_stands_ready():
    async def visit(decoder):
        zygote = await lose_one(decoder)
        (spare,) = await spares_of(decoder, zygote)
        await fault(decoder, CUT)
        await decoder.render(PHOTO, SMALL)
        assert decoder.child_pid == spare
        assert spare not in await spares_of(decoder, zygote)
        return children_of(zygote)

    assert len(with_decoder(visit)) == 2


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_child_that_was_never_lost_has_no_companion():
    async def visit(decoder):
        for _ in range(3):
            await decoder.render(PHOTO, SMALL)
        return children_of(parent_of(decoder.child_pid))

    assert len(with_decoder(visit)) == 1


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("whose", ["the spare's", "the idle child's"])
def test_the_death_of_a_child_without_a_picture_costs_no_picture(whose):
    async def visit(decoder):
        zygote = await lose_one(decoder)
        (spare,) = await spares_of(decoder, zygote)
        doomed = spare if whose == "the spare's" else decoder.child_pid
        os.kill(doomed, signal.SIGKILL)
        await until(lambda: not alive(doomed))
        if whose == "the spare's":
            await fault(decoder, CUT)
        assert (await decoder.render(PHOTO, SMALL)).pictures
        assert parent_of(decoder.child_pid) == zygote
        assert len(await spares_of(decoder, zygote)) == 1

    with_decoder(visit)


def test_starting_does_not_wait_for_the_zygote():
    async def visit():
        decoder = Decoder(Limits(), render=NEVER_LOADED)
        await decoder.start()
        await decoder.close()

    asyncio.run(visit())


def test_the_loop_is_never_blocked_by_a_large_image():
    big = pictures.saved(pictures.photo(900, 600), "bmp")

    async def visit(decoder):
        await decoder.render(PHOTO, SMALL)
        os.kill(decoder.child_pid, signal.SIGSTOP)
        work = asyncio.create_task(decoder.render(big, [Variant(width=600, format=Format.PNG)]))
        for _ in range(200):
            await asyncio.sleep(0.001)  # a turn of the loop: 200 are under test
        assert not work.done()
        os.kill(decoder.child_pid, signal.SIGCONT)
        assert (await work).pictures

    with_decoder(visit)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_stays_flat_over_two_hundred_images():
    sources = [
        pictures.saved(pictures.photo(200 + 10 * n, 150), form) for n, form in enumerate(pictures.FORMATS * 2)
    ]

    async def visit(decoder):
        after = []
        for n in range(200):
            await decoder.render(
                sources[n % len(sources)],
                [Variant(width=64, format=Format.JPEG), Variant("b", width=32, format=Format.PNG)],
            )
            if n in (60, 199):
                after.append(resident_pages(decoder.child_pid))
        return after

    early, late = with_decoder(visit)
    assert late <= early * 1.1


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.parametrize("deed", ["crash", "killed", "allocate", "a gigabyte", "a large head", "raise"])
def test_the_parent_holds_no_more_after_a_hostile_image_than_before(broken, deed):
    for _ in range(3):
        broken(deed)
    base = resident_pages(os.getpid())
    for _ in range(10):
        broken(deed)
    assert resident_pages(os.getpid()) - base <= 5 * 2**20 // os.sysconf("SC_PAGE_SIZE")


def processor_ticks(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11])


def resident_pages(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1])


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_a_cage_that_is_off_holds_nothing():
    assert with_decoder(Decoder.sandbox_report, cage=SandboxMode.OFF).missing == ("landlock", "seccomp")


def test_a_zygote_that_ended_before_it_said_what_its_cage_holds_counts_as_one_without():
    async def visit(decoder):
        os.kill(decoder._children._pid, signal.SIGKILL)
        return await decoder.sandbox_report()

    assert with_decoder(visit) == SandboxReport()
