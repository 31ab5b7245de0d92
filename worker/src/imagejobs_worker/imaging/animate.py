"""Carries animations between GIF, WebP, AVIF and PNG: each frame, its time, and the loop count.

Frames are decoded one at a time and are whole pictures here; how a format stores changes between frames is
its encoder's task.
"""

from collections.abc import Callable, Iterator
from typing import Any

from PIL import Image, PngImagePlugin

from imagejobs_contract.model.options import Format
from imagejobs_worker.imaging import encode
from imagejobs_worker.imaging.codecs import avif_loops, gif_writer
from imagejobs_worker.imaging.colours import few
from imagejobs_worker.imaging.colours.palette import reduce_colours, reduce_for_gif
from imagejobs_worker.imaging.deadline import Deadline
from imagejobs_worker.imaging.modes import is_transparent
from imagejobs_worker.imaging.variant_plan import VariantPlan

Frames = Callable[[], Iterator[tuple[Image.Image, int]]]
"""Starts the animation from its first frame; yields finished pictures, each with its milliseconds."""

_WEBP_FLAGS_OFFSET, _WEBP_ALPHA = 20, 0x10
"""Offset of flags in a WebP's extended header (developers.google.com/speed/webp/docs/riff_container)."""
_MAX_LOOP_COUNT = 65_535
"""GIF and WebP count in 16 bits; a PNG or an AVIF with more loops ends after any viewer has left."""
_MAX_FRAME_MILLISECONDS = 3_600_000
"""One hour: no viewer waits longer, and WebP adds up the milliseconds of all frames in 31 bits."""
_MAX_SHARED_PIXELS = 2**23
"""Pixels of all frames of an APNG that are held at once, to choose their palette: 32 MB."""
_MAX_GIF_FRAME_MILLISECONDS = 655_350
"""16 bits of hundredths of a second."""


class AnimatedImage(Image.Image):
    """A picture whose content changes on `seek`, as Pillow's encoders expect of an animation.

    It holds one frame at a time. `encode_animation` makes one per encoding; the encoder seeks through it.

    Attributes:
        n_frames: Number of frames.
        milliseconds: Time of each frame; set when the frame is first shown. Encoders read a frame's time
            after they have shown it.
    """

    is_animated = True

    def __init__(self, frames: Frames, count: int) -> None:
        super().__init__()
        self.n_frames = count
        self.milliseconds = [0] * count
        self._frames = frames
        self._rest = frames()
        self._at = -1
        self.seek(0)

    def tell(self) -> int:
        """Return the number of the current frame, from 0."""
        return self._at

    def seek(self, frame: int) -> None:
        """Show a frame; seeking back starts again from the first frame.

        Raises:
            EOFError: There is no such frame.
        """
        if frame >= self.n_frames:
            raise EOFError("no more frames")
        if frame < self._at:
            self._rest, self._at = self._frames(), -1
        while self._at < frame:
            picture, self.milliseconds[self._at + 1] = next(self._rest)
            self._show(picture)

    def _show(self, picture: Image.Image) -> None:
        self._at += 1
        self._mode, self._size = picture.mode, picture.size
        self.im, self.palette, self.info = picture.im, picture.palette, picture.info


class _NeedsAlpha(Exception):
    """Raised when a frame has transparent pixels and the animation is being written without alpha."""


def encode_animation(
    frames: Frames, count: int, loop_count: int, plan: VariantPlan, deadline: Deadline
) -> bytes:
    """Return the file of an animation.

    Args:
        frames: Yields frames that all steps were applied to.
        count: Number of frames.
        loop_count: Times that it plays; 0 for ever.
        plan: Names format and quality.
        deadline: Checked at each frame and each encoding.

    Raises:
        ImageFailed: `max_size_unreachable`, `processing_timeout`, or an error that `frames` raises.
    """
    shown = _share_palette(frames, plan) if plan.format is Format.PNG and plan.few_colours else frames

    def attempt(quality: int, alpha: bool) -> bytes:
        if alpha and plan.format is Format.GIF:
            prepared = _prepare_frames(shown(), plan, alpha, deadline)
            return gif_writer.write(prepared, plan.canvas, min(loop_count, _MAX_LOOP_COUNT))
        animated = AnimatedImage(lambda: _prepare_frames(shown(), plan, alpha, deadline), count)
        data = encode.write_animation(
            animated, plan, _timing_options(animated, loop_count, plan.format), quality
        )
        if plan.format is Format.AVIF:
            return avif_loops.set_loop_count(data, min(loop_count, _MAX_LOOP_COUNT))
        return _set_alpha_flag(data) if alpha and plan.format is Format.WEBP else data

    def write(quality: int) -> bytes:
        # Most animations are opaque, and much smaller without alpha; only after the last frame is that known.
        try:
            return attempt(quality, alpha=False)
        except _NeedsAlpha:
            return attempt(quality, alpha=True)

    return encode.encode_at_quality(write, plan, deadline)


def _prepare_frames(
    frames: Iterator[tuple[Image.Image, int]], plan: VariantPlan, alpha: bool, deadline: Deadline
) -> Iterator[tuple[Image.Image, int]]:
    """Yield frames in the encoder's mode, the same for all, so that it converts none a second time.

    Raises:
        _NeedsAlpha: At the first frame with transparent pixels, if `alpha` is false.
    """
    is_gif = plan.format is Format.GIF
    for picture, milliseconds in _round_to_hundredths(frames) if is_gif else frames:
        deadline.check()
        if not alpha and is_transparent(picture):
            raise _NeedsAlpha
        yield (
            reduce_for_gif(picture, alpha, plan) if is_gif else _in_mode(picture, alpha),
            min(milliseconds, _MAX_FRAME_MILLISECONDS),
        )


def _in_mode(picture: Image.Image, alpha: bool) -> Image.Image:
    """Return a picture with a palette as it is, any other with or without alpha."""
    return picture if picture.mode == "P" else picture.convert("RGBA" if alpha else "RGB")


def _share_palette(frames: Frames, plan: VariantPlan) -> Frames:
    """Return the frames with one palette for all, as an APNG needs it; unchanged if they are too large.

    The palette is chosen from a picture of all frames, one below the other.
    """
    width, height = plan.canvas
    shown: list[tuple[Image.Image, int]] = []
    for picture, milliseconds in frames():
        shown.append((picture, milliseconds))
        if width * height * len(shown) > _MAX_SHARED_PIXELS:
            return frames
    strip = Image.new("RGBA", (width, height * len(shown)))
    for n, (picture, _) in enumerate(shown):
        strip.paste(picture.convert("RGBA"), (0, n * height))
    indexed = few.index_exactly(strip) or reduce_colours(strip, few.MAX_COLOURS)
    return lambda: (
        (indexed.crop((0, n * height, width, (n + 1) * height)), milliseconds)
        for n, (_, milliseconds) in enumerate(shown)
    )


def _round_to_hundredths(frames: Iterator[tuple[Image.Image, int]]) -> Iterator[tuple[Image.Image, int]]:
    """Round times to hundredths of a second, a GIF's unit, and carry the remainder on to the next frame.

    The whole animation keeps its length.
    """
    due = given = 0
    for picture, milliseconds in frames:
        due += min(milliseconds, _MAX_GIF_FRAME_MILLISECONDS)
        shown = (due - given + 5) // 10 * 10
        given += shown
        yield picture, _CappedMilliseconds(shown)


class _CappedMilliseconds(int):
    """Milliseconds whose sums stay within a GIF's maximum: Pillow merges equal frames and adds times."""

    def __add__(self, other: int) -> "_CappedMilliseconds":
        return _CappedMilliseconds(min(int(self) + other, _MAX_GIF_FRAME_MILLISECONDS))


def _timing_options(animated: AnimatedImage, loop_count: int, form: Format) -> dict[str, Any]:
    timing: dict[str, Any] = {"duration": animated.milliseconds}
    match form:
        case Format.GIF:
            timing["disposal"] = 0
            timing |= {} if loop_count == 1 else {"loop": max(0, min(loop_count, _MAX_LOOP_COUNT) - 1)}
        case Format.WEBP:
            timing |= {"loop": min(loop_count, _MAX_LOOP_COUNT), "background": (0, 0, 0, 0)}
        case Format.PNG:
            timing |= {
                "loop": min(loop_count, _MAX_LOOP_COUNT),
                "default_image": False,
                "blend": PngImagePlugin.Blend.OP_SOURCE,
            }
    return timing


def _set_alpha_flag(data: bytes) -> bytes:
    """Set the alpha flag in a WebP's header; libwebp omits it if each frame's own rectangle is opaque."""
    if data[12:16] != b"VP8X":
        return data
    return (
        data[:_WEBP_FLAGS_OFFSET]
        + bytes([data[_WEBP_FLAGS_OFFSET] | _WEBP_ALPHA])
        + data[_WEBP_FLAGS_OFFSET + 1 :]
    )


def read_loop_count(image: Image.Image, form: str, source: bytes) -> int:
    """Return the number of times that a source plays, 0 for ever.

    A GIF counts the repeats after the first play, and plays once if it has no count.
    """
    loop = image.info.get("loop")
    if form == "gif":
        return 1 if loop is None else (loop + 1 if loop else 0)
    return avif_loops.read_loop_count(source) if form == "avif" else int(loop or 0)
