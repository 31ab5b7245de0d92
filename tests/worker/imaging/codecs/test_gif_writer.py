"""Transparent animated GIFs: what is written is what is seen, and only what changed is written."""

import numpy as np
import pytest
from PIL import Image

from imagejobs_contract.model.options import Format
from imagejobs_worker.imaging.codecs import gif, gif_writer, header
from imagejobs_worker.imaging.codecs.canvas import paint_frames
from support.images import pictures
from support.images.rendering import render_file

SIZE = (60, 40)


def indexed(frame):
    """Return an RGBA picture of few colours as the writer takes it."""
    colours = sorted({pixel[:3] for _, pixel in frame.getcolors(999) if pixel[3]})
    places = {colour: n for n, colour in enumerate(colours)}
    found = Image.new("P", frame.size)
    found.putdata([places[pixel[:3]] if pixel[3] else len(colours) for pixel in frame.get_flattened_data()])
    found.putpalette([value for colour in colours for value in colour] + [9, 9, 9])
    found.info["transparency"] = len(colours)
    return found


def moving_discs(count=6):
    frames = []
    for n in range(count):
        frame = Image.new("RGBA", SIZE)
        for start, colour in ((3, (250, 30, 30)), (25, (30, 30, 250 - 40 * n))):
            frame.paste((*colour, 255), (start + 2 * n, 5, start + 2 * n + 12, 30))
        frames.append(frame)
    return frames


FILMS = {
    "moving": moving_discs(),
    "appearing": [Image.new("RGBA", SIZE), *moving_discs(2)],
    "vanishing": [*moving_discs(2), Image.new("RGBA", SIZE), *moving_discs(1)],
    "full": [Image.new("RGBA", SIZE, (9, 80, 200, 255)), *moving_discs(2)],
    "one colour": [Image.new("RGBA", SIZE, (200, 0, 0, 255 * (n % 2))) for n in range(4)],
    "a pixel": [Image.new("RGBA", (1, 1), (n, 0, 90, 255 * (n % 2))) for n in range(0, 200, 25)],
}


def shown(data):
    """Return the frames as `canvas` paints them, transparent pixels all alike, and as Pillow does."""
    image = pictures.opened(data)
    ours, pillows = [], []
    for n, (painted, _) in enumerate(paint_frames(gif.partial_frames(data, image.size), image.size)):
        image.seek(n)
        ours.append(seen(painted))
        pillows.append(seen(image))
    return ours, pillows


def seen(frame):
    pixels = np.asarray(frame.convert("RGBA")).copy()
    pixels[pixels[..., 3] == 0] = 0
    return pixels


@pytest.mark.parametrize("name", FILMS)
def test_what_is_written_is_what_is_seen(name):
    film = FILMS[name]
    data = gif_writer.write(((indexed(frame), 100) for frame in film), film[0].size, 0)
    ours, pillows = shown(data)
    for painted in (ours, pillows):
        assert len(painted) == len(film)
        for found, frame in zip(painted, film, strict=True):
            assert np.array_equal(found, seen(frame))


@pytest.mark.parametrize("colours", [1, 2, 3, 4, 15, 16, 63, 64, 254, 255])
def test_a_table_has_as_few_bits_as_its_colours_need(colours):
    frame = Image.new("RGBA", (colours + 1, 1))
    for n in range(colours):
        frame.putpixel((n, 0), (n, 255 - n, 7, 255))
    data = gif_writer.write(iter([(indexed(frame), 100)]), frame.size, 0)
    assert np.array_equal(seen(pictures.opened(data)), seen(frame))
    assert 2 ** ((data[10] & 7) + 1) >= colours + 1 > 2 ** (data[10] & 7)


def test_frames_that_change_nothing_lengthen_the_one_before():
    first = moving_discs(1)[0]
    second = first.copy()
    second.paste((0, 90, 0, 255), (0, 0, 5, 5))
    film = [(indexed(first), 100), (indexed(first), 250), (indexed(second), 70)]
    image = pictures.opened(gif_writer.write(iter(film), SIZE, 0))
    times = []
    for n in range(image.n_frames):
        image.seek(n)
        times.append(image.info["duration"])
    assert times == [350, 70]


def test_only_what_changed_is_written():
    still = Image.new("RGBA", SIZE)
    still.paste((200, 100, 0, 255), (2, 2, 50, 30))
    moved = still.copy()
    moved.paste((0, 0, 200, 255), (10, 10, 14, 13))
    data = gif_writer.write(iter([(indexed(still), 100), (indexed(moved), 100)]), SIZE, 0)
    (_, _, _), (_, at, _) = header.find_gif_frames(data)
    assert [int.from_bytes(data[at + n : at + n + 2], "little") for n in (1, 3, 5, 7)] == [10, 10, 4, 3]


def test_a_small_thing_keeps_its_colour():
    plain = Image.new("RGBA", (100, 100), (10, 200, 10, 255))
    plain.paste((0, 0, 0, 0), (0, 0, 100, 50))
    dotted = plain.copy()
    dotted.putpixel((50, 80), (255, 0, 0, 255))
    data = gif_writer.write(iter([(indexed(plain), 100), (indexed(dotted), 100)]), (100, 100), 0)
    ours, _ = shown(data)
    assert tuple(ours[1][80, 50]) == (255, 0, 0, 255)


def test_an_animation_with_soft_edges_is_small_and_true():
    frames = []
    for n in range(10):
        frame = Image.new("RGBA", (160, 160))
        frame.alpha_composite(pictures.disc(100, (200, 30 + n, 60)).resize((60, 60)), (5 * n, 30))
        frames.append(frame)
    data = pictures.animation("webp", frames, lossless=True)
    found = render_file(data, format=Format.GIF)
    whole = pictures.animation("gif", frames, disposal=2)
    assert len(found) < 0.7 * len(whole)
    ours, _ = shown(found)
    for painted, frame in zip(ours, frames, strict=True):
        expected = seen(frame)
        opaque = expected[..., 3] == 255
        assert np.abs(painted[opaque].astype(int) - expected[opaque]).mean() < 3
        assert np.array_equal(painted[..., 3] > 0, expected[..., 3] >= 128)
