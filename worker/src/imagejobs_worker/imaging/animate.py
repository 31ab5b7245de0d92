"""Carries animations between GIF, WebP, AVIF and PNG: every frame, its time and the number of plays, decoded one at a time.

Frames are whole pictures here; how a format stores what changed is its encoder's business.
"""

from collections.abc import Callable, Iterator
from typing import Any

from PIL import Image, PngImagePlugin

from imagejobs_contract.model.options import Format
from imagejobs_worker.imaging import encode
from imagejobs_worker.imaging.codecs import avif_loops
from imagejobs_worker.imaging.codecs.palette import reduce_for_gif
from imagejobs_worker.imaging.deadline import Deadline
from imagejobs_worker.imaging.modes import is_transparent
from imagejobs_worker.imaging.variant_plan import VariantPlan

Frames = Callable[[], Iterator[tuple[Image.Image, int]]]
"""Starts the animation from its first frame: pictures as they shall be, with their milliseconds."""

_RESTORE_BACKGROUND = 2
_WEBP_FLAGS_OFFSET, _WEBP_ALPHA = 20, 0x10
"""Where a WebP's extended header has its flags (developers.google.com/speed/webp/docs/riff_container)."""
_MAX_LOOP_COUNT = 65_535
"""Both GIF and WebP count in 16 bits; nobody waits for the end of more in a PNG or an AVIF."""
_MAX_FRAME_MILLISECONDS = 3_600_000
"""Milliseconds of a frame: nobody waits for more than an hour, and WebP adds all of them up in 31 bits."""
_MAX_GIF_FRAME_MILLISECONDS = 655_350
"""16 bits of hundredths of a second."""


class AnimatedImage(Image.Image):
    """A picture that changes when it is wound on, as Pillow's encoders expect of an animation.

    Attributes:
        n_frames: Its length.
        milliseconds: The time of each frame that was shown so far; encoders read a frame's after they have
            shown it.
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
        """Return the number of the frame that is shown, from 0."""
        return self._at

    def seek(self, frame: int) -> None:
        """Show a frame; winding back starts anew.

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
    """Raised when a frame lets something through and the animation is being written without alpha."""


def encode_animation(
    frames: Frames, count: int, loop_count: int, plan: VariantPlan, deadline: Deadline
) -> bytes:
    """Return the file of an animation.

    Args:
        frames: Gives frames that went through the pipeline.
        count: How many.
        plays: 0 for ever.
        plan: Says the format and the quality.
        deadline: Checked at each frame and each encoding.

    Raises:
        ImageFailed: `max_size_unreachable`, `processing_timeout`, or what `frames` raises.
    """

    def attempt(quality: int, alpha: bool) -> bytes:
        reel = AnimatedImage(lambda: _prepare_frames(frames(), plan.format, alpha, deadline), count)
        data = encode.write_animation(
            reel, plan, _timing_options(reel, loop_count, plan.format, alpha), quality
        )
        if plan.format is Format.AVIF:
            return avif_loops.set_loop_count(data, min(loop_count, _MAX_LOOP_COUNT))
        return _set_alpha_flag(data) if alpha and plan.format is Format.WEBP else data

    def write(quality: int) -> bytes:
        # Most are opaque and much smaller so, but only the last frame can tell.
        try:
            return attempt(quality, alpha=False)
        except _NeedsAlpha:
            return attempt(quality, alpha=True)

    return encode.encode_at_quality(write, plan, deadline)


def _prepare_frames(
    frames: Iterator[tuple[Image.Image, int]], form: Format, alpha: bool, deadline: Deadline
) -> Iterator[tuple[Image.Image, int]]:
    """Return the frames as the encoder needs them: all of one kind, so that none is converted a second time.

    Raises:
        _Transparent: At the first frame that needs alpha and has none.
    """
    for picture, milliseconds in _round_to_hundredths(frames) if form is Format.GIF else frames:
        deadline.check()
        if not alpha and is_transparent(picture):
            raise _NeedsAlpha
        yield (
            reduce_for_gif(picture, alpha)
            if form is Format.GIF
            else picture.convert("RGBA" if alpha else "RGB"),
            min(milliseconds, _MAX_FRAME_MILLISECONDS),
        )


def _round_to_hundredths(frames: Iterator[tuple[Image.Image, int]]) -> Iterator[tuple[Image.Image, int]]:
    """Round times to the hundredths of a second that a GIF knows, so that the whole does not get shorter by what each frame loses."""
    due = given = 0
    for picture, milliseconds in frames:
        due += min(milliseconds, _MAX_GIF_FRAME_MILLISECONDS)
        shown = (due - given + 5) // 10 * 10
        given += shown
        yield picture, _CappedMilliseconds(shown)


class _CappedMilliseconds(int):
    """Milliseconds that never add up to more than a GIF can say: Pillow makes one frame of those that look alike."""

    def __add__(self, other: int) -> "_CappedMilliseconds":
        return _CappedMilliseconds(min(int(self) + other, _MAX_GIF_FRAME_MILLISECONDS))


def _timing_options(reel: AnimatedImage, loop_count: int, form: Format, alpha: bool) -> dict[str, Any]:
    timing: dict[str, Any] = {"duration": reel.milliseconds}
    match form:
        case Format.GIF:
            timing["disposal"] = _RESTORE_BACKGROUND if alpha else 0
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
    """Say in a WebP's header that it has alpha; libwebp forgets it where each frame's own rectangle is opaque."""
    if data[12:16] != b"VP8X":
        return data
    return (
        data[:_WEBP_FLAGS_OFFSET]
        + bytes([data[_WEBP_FLAGS_OFFSET] | _WEBP_ALPHA])
        + data[_WEBP_FLAGS_OFFSET + 1 :]
    )


def read_loop_count(image: Image.Image, form: str, source: bytes) -> int:
    """Return how often a source plays, 0 for ever.

    A GIF counts repeats after the first play, and plays once without a count.
    """
    loop = image.info.get("loop")
    if form == "gif":
        return 1 if loop is None else (loop + 1 if loop else 0)
    return avif_loops.read_loop_count(source) if form == "avif" else int(loop or 0)
