"""Frames as browsers show them: the files are written from the specifications, without Pillow.

The expected frames come from a few lines of numpy that play them as Blink's and Gecko's decoders do.
"""

import itertools
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageSequence

from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import Format
from support.images import pictures
from support.images.rendering import render_file

WIDTH, HEIGHT = 24, 16
COLOURS = [
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 0),
    (0, 255, 255),
    (255, 0, 255),
    (255, 255, 255),
    (0, 0, 0),
]
OTHERS = [(30 * n, 20, 20) for n in range(8)]
KEEP, CLEAR, RESTORE = 1, 2, 3
"""Disposal methods of a GIF; those of an APNG are one less."""


def seen(data, form="gif"):
    """Return the frames of the pipeline's result."""
    made = render_file(data, format=Format(form))
    return [
        np.asarray(frame.convert("RGBA")).astype(int)
        for frame in ImageSequence.Iterator(Image.open(BytesIO(made)))
    ]


def assert_alike(found, expected):
    assert len(found) == len(expected)
    for frame, there in zip(found, expected, strict=True):
        assert frame.shape == there.shape
        assert np.abs(frame[..., 3] - there[..., 3]).max() <= 2
        assert np.abs(frame - there)[there[..., 3] > 8].max(initial=0) <= 4


def gif(frames, *, colours=COLOURS):
    """Write (left, top, indices, disposal, transparent index or None, own colours or None)."""
    table = b"".join(map(bytes, colours))
    data = b"GIF89a" + struct.pack("<HHBBB", WIDTH, HEIGHT, 0x82, 2, 0) + table
    for left, top, values, disposal, hole, own in frames:
        data += (
            b"\x21\xf9\x04" + struct.pack("<BHB", disposal << 2 | (hole is not None), 10, hole or 0) + b"\0"
        )
        data += b"," + struct.pack("<4HB", left, top, values.shape[1], values.shape[0], 0x82 if own else 0)
        data += b"".join(map(bytes, own or [])) + lzw(values.ravel().tolist())
    return data + b";"


def lzw(values):
    """Write numbers below 8 with 4 bits each; the table of codes is cleared before they would need 5."""
    codes = [code for n in range(0, len(values), 6) for code in (8, *values[n : n + 6])] + [9]
    packed = bytes(a | b << 4 for a, b in zip(codes[::2], [*codes, 0][1::2], strict=False))
    return (
        b"\3"
        + b"".join(
            bytes([len(packed[n : n + 255])]) + packed[n : n + 255] for n in range(0, len(packed), 255)
        )
        + b"\0"
    )


def played_gif(frames, colours=COLOURS):
    canvas, shown = np.zeros((HEIGHT, WIDTH, 4), int), []
    for left, top, values, disposal, hole, own in frames:
        before = canvas.copy()
        there = np.s_[top : top + values.shape[0], left : left + values.shape[1]]
        picture = np.insert(np.array(own or colours)[values], 3, 255, axis=2)[: HEIGHT - top, : WIDTH - left]
        canvas[there] = np.where(
            (values == hole)[: HEIGHT - top, : WIDTH - left, None], canvas[there], picture
        )
        shown.append(canvas.copy())
        if disposal == CLEAR:
            canvas[there] = 0
        elif disposal in (RESTORE, 4):
            canvas = before
    return shown


def full(value, width=WIDTH, height=HEIGHT):
    return np.full((height, width), value)


def checks(width, height, a, b):
    return np.where(np.indices((height, width)).sum(0) % 2, a, b)


@pytest.mark.parametrize("disposals", [*itertools.product([0, KEEP, CLEAR, RESTORE, 4], repeat=3)], ids=str)
def test_a_gif_is_disposed_of_as_browsers_do(disposals):
    first, second, third = disposals
    frames = [
        (0, 0, full(1), first, None, None),
        (4, 4, checks(8, 8, 0, 2), second, 2, None),
        (8, 2, checks(10, 10, 3, 7), third, 7, OTHERS),
        (0, 0, checks(3, 3, 5, 6), 0, None, None),
    ]
    assert_alike(seen(gif(frames)), played_gif(frames))


@pytest.mark.parametrize(
    "frames",
    [
        [(4, 4, full(0, 8, 8), KEEP, None, None), (10, 6, full(1, 8, 8), KEEP, None, None)],
        [
            (0, 0, full(1), KEEP, None, None),
            (16, 10, full(0, 16, 16), KEEP, None, None),
            (0, 0, full(2, 4, 4), KEEP, None, None),
        ],
        [(0, 0, checks(WIDTH, HEIGHT, 0, 3), KEEP, 3, None), (4, 4, checks(8, 8, 1, 3), KEEP, 3, None)],
    ],
    ids=[
        "the first leaves some of the canvas free",
        "one reaches out of the canvas",
        "the first is transparent",
    ],
)
def test_a_gif_with_odd_frames_plays(frames):
    assert_alike(seen(gif(frames)), played_gif(frames))


def test_a_still_of_a_gif_shows_nothing_where_its_first_frame_has_nothing():
    frames = [(4, 4, full(0, 8, 8), KEEP, None, None), (10, 6, full(1, 8, 8), KEEP, None, None)]
    assert_alike(seen(gif(frames), "png"), played_gif(frames[:1]))
    assert_alike(seen(gif(frames[:1])), played_gif(frames[:1]))


def test_a_frame_far_larger_than_its_canvas_is_refused_undecoded():
    large = gif([(0, 0, full(0), KEEP, None, None)] * 2)
    at = large.rindex(b",\0\0\0\0")
    with pytest.raises(ImageFailed, match="a frame has 9000x900 pixels"):
        seen(large[: at + 5] + struct.pack("<HH", 9000, 900) + large[at + 9 :])


def apng(frames, default=None):
    """Write (left, top, RGBA pixels, disposal, blending)."""
    data = b"\x89PNG\r\n\x1a\n" + pictures.png_chunk(
        b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 6, 0, 0, 0)
    )
    data += pictures.png_chunk(b"acTL", struct.pack(">II", len(frames), 0))
    if default is not None:
        data += pictures.png_chunk(b"IDAT", packed(default))
    numbers = itertools.count()
    for n, (left, top, values, disposal, blending) in enumerate(frames):
        shape = struct.pack(">5I", next(numbers), values.shape[1], values.shape[0], left, top)
        data += pictures.png_chunk(b"fcTL", shape + struct.pack(">HHBB", 1, 10, disposal, blending))
        if n == 0 and default is None:
            data += pictures.png_chunk(b"IDAT", packed(values))
        else:
            data += pictures.png_chunk(b"fdAT", struct.pack(">I", next(numbers)) + packed(values))
    return data + pictures.png_chunk(b"IEND", b"")


def packed(values):
    return zlib.compress(b"".join(b"\0" + row.astype(np.uint8).tobytes() for row in values))


def played_apng(frames):
    canvas, shown = np.zeros((HEIGHT, WIDTH, 4)), []
    for left, top, values, disposal, blending in frames:
        before = canvas.copy()
        there = np.s_[top : top + values.shape[0], left : left + values.shape[1]]
        canvas[there] = over(canvas[there], values) if blending else values
        shown.append(np.round(canvas).astype(int))
        if disposal == CLEAR - 1:
            canvas[there] = 0
        elif disposal == RESTORE - 1:
            canvas = before
    return shown


def over(below, above):
    """Lay one over the other (Porter and Duff)."""
    share, under = above[..., 3:] / 255, below[..., 3:] / 255 * (1 - above[..., 3:] / 255)
    alpha = share + under
    return np.concatenate(
        [(above[..., :3] * share + below[..., :3] * under) / np.maximum(alpha, 1e-9), 255 * alpha], -1
    )


def solid(width, height, *colour):
    return np.full((height, width, 4), colour)


def fading(width, height, *colour):
    values = solid(width, height, *colour, 255)
    values[..., 3] = np.linspace(0, 255, width)
    return values


@pytest.mark.parametrize(
    "how", [*itertools.product([0, 1, 2], [0, 1, 2], [0, 1], [0, 1, 2], [0, 1])], ids=str
)
def test_an_apng_is_mixed_and_disposed_of_as_its_standard_says(how):
    first, second, second_over, third, third_over = how
    frames = [
        (0, 0, solid(WIDTH, HEIGHT, 200, 30, 40, 255), first, 0),
        (4, 4, fading(8, 8, 20, 200, 40), second, second_over),
        (8, 2, solid(10, 10, 10, 20, 230, 128), third, third_over),
        (0, 0, solid(3, 3, 250, 250, 0, 255), 0, 1),
    ]
    assert_alike(seen(apng(frames), "png"), played_apng(frames))


def test_the_picture_for_old_viewers_does_not_lie_under_a_pngs_animation():
    frames = [(4, 4, fading(8, 8, 20, 200, 40), 0, 0), (8, 2, solid(10, 10, 10, 20, 230, 128), 0, 1)]
    assert_alike(seen(apng(frames, solid(WIDTH, HEIGHT, 1, 2, 3, 255)), "png"), played_apng(frames))


def test_an_apngs_frame_may_not_reach_out_of_its_canvas():
    with pytest.raises(ImageFailed, match=r"reaches to 28,12"):
        seen(
            apng(
                [(0, 0, solid(WIDTH, HEIGHT, 9, 9, 9, 255), 0, 0), (20, 4, solid(8, 8, 1, 2, 3, 255), 0, 0)]
            ),
            "png",
        )


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1"])
def test_every_kind_of_png_can_move(mode):
    """A palette is in the file once, for all frames."""
    first = pictures.quarters(WIDTH, HEIGHT)
    frames = [first.quantize(8, palette=first.quantize(8)) if mode == "P" else first.convert(mode)]
    frames.append(frames[0].transpose(Image.Transpose.ROTATE_180))
    expected = [np.asarray(frame.convert("RGBA")).astype(int) for frame in frames]
    assert_alike(seen(pictures.animation("png", frames), "png"), expected)
