import itertools
import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageSequence

from imagejobs_contract.model.options import Fit, Format, Variant
from imagejobs_worker.imaging.animate import AnimatedImage
from support.images import pictures
from support.images.rendering import render, render_all

MOVING = ["gif", "webp", "avif"]
WAYS = [*itertools.product([*MOVING, "png"], MOVING), ("png", "png")]
"""From and to; a PNG moves only where the source was one."""
TIMES = [50, 100, 150, 200, 500]


def film(count=5, size=(64, 48)):
    return [Image.new("RGB", size, (40 * n, 250 - 40 * n, 90)) for n in range(count)]


def played(data):
    """Return every frame as a viewer shows it, with its milliseconds."""
    image = Image.open(BytesIO(data))
    return [
        (frame.convert("RGBA").copy(), frame.info.get("duration")) for frame in ImageSequence.Iterator(image)
    ], image.info.get("loop")


@pytest.mark.parametrize(("source", "result"), WAYS)
def test_frames_and_times_are_kept(source, result):
    data = pictures.animation(source, film(), TIMES)
    found = render(data, width=32, format=Format(result))
    frames, _ = played(found.pictures[0].data)
    assert found.frames == 5
    assert [time for _, time in frames] == TIMES
    for (frame, _), expected in zip(frames, film(), strict=True):
        assert frame.size == (32, 24)
        assert np.abs(pictures.pixels(frame) - pictures.pixels(expected)[0, 0]).max() < 14


@pytest.mark.parametrize(
    ("source", "loop", "result", "expected"),
    [
        ("gif", 0, "gif", 0),
        ("gif", 3, "gif", 3),
        ("gif", None, "gif", None),
        ("gif", 0, "webp", 0),
        ("gif", 3, "webp", 4),
        ("gif", None, "webp", 1),
        ("webp", 0, "gif", 0),
        ("webp", 4, "gif", 3),
        ("webp", 1, "gif", None),
        ("webp", 7, "webp", 7),
        ("avif", None, "gif", 0),
        ("png", 0, "png", 0),
        ("png", 3, "png", 3),
        ("png", 4, "gif", 3),
        ("png", 1, "gif", None),
        ("png", 5, "webp", 5),
    ],
)
def test_it_plays_as_often_as_before(source, loop, result, expected):
    """A GIF counts repeats after the first play, a WebP all plays; Pillow's AVIF plays for ever."""
    options = {} if loop is None else {"loop": loop}
    data = pictures.animation(source, film(3), **options)
    assert played(render(data, width=32, format=Format(result)).pictures[0].data)[1] == expected


def test_the_picture_for_old_viewers_is_not_of_a_pngs_animation():
    still, *frames = film(4)
    data = pictures.saved(
        still, "png", save_all=True, default_image=True, append_images=frames, duration=TIMES[:3]
    )
    found = render(data)
    shown, _ = played(found.pictures[0].data)
    assert (found.frames, [time for _, time in shown]) == (3, TIMES[:3])
    assert [frame.getpixel((0, 0))[:3] for frame, _ in shown] == [frame.getpixel((0, 0)) for frame in frames]


def test_times_of_a_webp_do_not_add_up_wrong_in_a_gif():
    data = pictures.animation("webp", film(6), [33] * 6)
    frames, _ = played(render(data, format=Format.GIF).pictures[0].data)
    assert sum(time for _, time in frames) == 200
    assert {time for _, time in frames} == {30, 40}


@pytest.mark.parametrize(
    ("source", "pause", "result", "longest"),
    [("webp", 9_000_000, "gif", 655_350), ("png", 65_535_000, "webp", 3_600_000)],
)
def test_a_frame_may_be_shown_for_longer_than_a_format_can_say(source, pause, result, longest):
    data = pictures.animation(source, film(3), [pause] * 3)
    frames, _ = played(render(data, format=Format(result)).pictures[0].data)
    assert [time for _, time in frames] == [longest] * 3


def test_frames_that_look_alike_may_together_be_shown_for_longer_than_a_gif_can_say():
    """Pillow makes one of them, and adds up their times."""
    frame = (
        b"\x21\xf9\x04\0\xff\xff\0\0" + b"," + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    )
    frames, _ = played(render(pictures.gif_of(3, frame=frame)).pictures[0].data)
    assert [time for _, time in frames] == [655_350]


@pytest.mark.parametrize(
    ("source", "result"),
    [*itertools.product(MOVING, [Format.JPEG, Format.PNG, Format.TIFF]), ("png", Format.JPEG)],
)
def test_a_still_format_shows_the_first_frame(source, result):
    found = render(pictures.animation(source, film(), TIMES), format=result).pictures[0]
    assert np.abs(pictures.pixels(found.data) - (0, 250, 90)).max() < 10


@pytest.mark.parametrize("source", [*MOVING, "png"])
@pytest.mark.parametrize("count", [1, 3])
def test_a_result_has_the_requested_number_of_frames(source, count):
    frames, _ = played(render(pictures.animation(source, film(), TIMES), frames=count).pictures[0].data)
    assert len(frames) == count


@pytest.mark.parametrize("disposal", [1, 2, 3])
@pytest.mark.parametrize("result", MOVING)
def test_frames_that_build_on_each_other_come_out_as_they_were_seen(disposal, result):
    """A dot moves over nothing; the rest of the frame before depends on its disposal."""
    frames = []
    for n in range(4):
        frame = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
        frame.paste((250, 20 * n, 30, 255), (14 * n, 14 * n, 14 * n + 20, 14 * n + 20))
        frames.append(frame)
    data = pictures.animation("gif", frames, 100, disposal=disposal, loop=0)
    seen, _ = played(data)
    found, _ = played(render(data, format=Format(result)).pictures[0].data)
    assert len(found) == len(seen)
    for (frame, _), (expected, _) in zip(found, seen, strict=True):
        shown, there = np.asarray(frame).astype(int), np.asarray(expected).astype(int)
        assert np.mean(np.abs(shown[..., 3] - there[..., 3])) < 6
        assert np.mean(np.abs(shown - there)[there[..., 3] == 255]) < 14


@pytest.mark.parametrize("result", [*MOVING, "png"])
def test_an_animation_may_become_transparent_later(result):
    frames = [
        Image.new("RGBA", (48, 48), (200, 30, 60, 255)),
        pictures.disc(48, (200, 30, 60)),
        Image.new("RGBA", (48, 48), (9, 200, 9, 255)),
    ]
    data = (
        pictures.animation("png", frames, 100)
        if result == "png"
        else pictures.animation("webp", frames, 100, lossless=True)
    )
    found, _ = played(render(data, format=Format(result)).pictures[0].data)
    assert [frame.getpixel((1, 1))[3] > 128 for frame, _ in found] == [True, False, True]
    assert [frame.getpixel((24, 24))[3] > 128 for frame, _ in found] == [True, True, True]


def test_an_opaque_animation_carries_no_alpha():
    for form in (Format.WEBP, Format.AVIF):
        data = (
            render(pictures.animation("webp", [frame.convert("RGBA") for frame in film()]), format=form)
            .pictures[0]
            .data
        )
        assert pictures.opened(data).mode == "RGB"


def test_transparency_around_a_moving_thing_stays_sharp_when_it_is_scaled():
    frames = [pictures.disc(80, (200, 30, 30 * n)) for n in range(3)]
    found, _ = played(render(pictures.animation("gif", frames, 100, disposal=2), width=40).pictures[0].data)
    for frame, _ in found:
        values = np.asarray(frame)
        assert set(np.unique(values[..., 3])) == {0, 255}
        assert values[values[..., 3] == 255][:, 1].max() < 80


def test_every_variant_of_an_animation_is_made():
    variants = [
        Variant("small", width=16),
        Variant("square", width=20, height=20, fit=Fit.COVER, format=Format.WEBP),
        Variant("still", width=30, format=Format.JPEG),
    ]
    found = render_all(pictures.animation("gif", film(), TIMES), *variants).pictures
    assert [(each.width, each.height) for each in found] == [(16, 12), (20, 20), (30, 23)]
    assert [getattr(Image.open(BytesIO(each.data)), "n_frames", 1) for each in found] == [5, 5, 1]


def test_an_animation_can_aim_at_a_size():
    data = pictures.animation("gif", [pictures.photo(160, 120, seed) for seed in range(4)])
    assert len(render(data, format=Format.WEBP, max_size=12_000).pictures[0].data) <= 12_000


def test_a_reel_holds_one_frame_at_a_time():
    alive = []

    def frames():
        for n in range(50):
            alive.append(n)
            yield Image.new("RGB", (8, 8), (n, 0, 0)), n

    reel = AnimatedImage(frames, 50)
    assert alive == [0]
    reel.seek(3)
    assert (alive, reel.getpixel((0, 0)), reel.tell()) == ([0, 1, 2, 3], (3, 0, 0), 3)
    reel.seek(1)
    assert reel.getpixel((0, 0)) == (1, 0, 0)
    with pytest.raises(EOFError):
        reel.seek(50)
