"""The fuzz target: the first two bytes choose the options, the rest is the file. `run.py` starts it.

A finding is anything but a picture or an `ImageFailed` that blames the file: an exception that would be
`internal_error`, a crash, a minute, two gigabytes, or a header reader that raises.
"""

import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["imagejobs_contract", "imagejobs_worker", "PIL"]):
    from imagejobs_contract.codes import Code
    from imagejobs_contract.errors import ImageFailed
    from imagejobs_contract.model.limits import Limits
    from imagejobs_contract.model.options import Fit, Format, Gravity, MaxSizeBy, Variant
    from imagejobs_worker.child import needed_codecs, preload, protocol
    from imagejobs_worker.child.protocol import InvalidMessage
    from imagejobs_worker.imaging.codecs import header
    from imagejobs_worker.imaging.deadline import Deadline
    from imagejobs_worker.imaging.pipeline import render

LIMITS = Limits(max_pixels=400_000, max_total_pixels=1_000_000, max_frames=20)
"""Small, so that allowed files are fast."""
TIMEOUT_SECONDS = 60.0
BLAMES_THE_FILE = {
    *(Code.NOT_AN_IMAGE, Code.UNSUPPORTED_FORMAT, Code.CORRUPT_IMAGE),
    *(Code.TOO_MANY_PIXELS, Code.TOO_MANY_FRAMES, Code.MAX_SIZE_UNREACHABLE),
}
OPTIONS = (
    {"width": 20},
    {"width": 12, "height": 9, "fit": Fit.COVER, "gravity": Gravity.ENTROPY},
    {"width": 12, "height": 9, "fit": Fit.CONTAIN, "keep_metadata": True},
    {"width": 30, "enlarge": True, "max_size": 2_000},
    {"only_if_smaller": True, "keep_metadata": True},
    {"height": 7, "fit": Fit.FILL, "width": 9},
    {"keep_copyright": True, "lossless": True},
    {"smallest_format": True},
    {"placeholder": True},
    {"max_size": 700, "max_size_by": MaxSizeBy.PALETTE},
)
RESULT_FORMATS = (None, *Format)


def try_input(data: bytes) -> None:
    """Try one input."""
    if len(data) < 2:
        return
    options, form, source = (
        OPTIONS[data[0] % len(OPTIONS)],
        RESULT_FORMATS[data[1] % len(RESULT_FORMATS)],
        data[2:],
    )
    header.declared_size(source)
    with suppress(header.Truncated):
        header.count_gif_frames(source, LIMITS.max_frames)
    with suppress(InvalidMessage, ImageFailed):
        protocol.read_answer(source, memoryview(b"files"), source, "")
    try:
        render(source, [Variant(**options, format=form)], LIMITS, Deadline.after(TIMEOUT_SECONDS))
    except ImageFailed as ex:
        if ex.code not in BLAMES_THE_FILE:
            raise


def main() -> None:
    """Fuzz; arguments are libFuzzer's."""
    for codec in (*needed_codecs.FORMATS, needed_codecs.LARGE_PNGS, needed_codecs.STRICT_JPEGS):
        preload.load(codec)
    atheris.Setup(sys.argv, try_input)
    atheris.Fuzz()


main()
