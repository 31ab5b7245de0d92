"""Builds colour profiles for pictures that name their colours by numbers (CICP, ITU-T H.273).

AVIF and HEIC (`nclx`) and PNG (`cICP`) do. The profile is of the plain kind, a curve and a matrix, so that
the usual conversion to sRGB follows. HDR (PQ and HLG) is tone mapped within the curve, each channel alone:
BT.2390-11's EETF from 1000 to 203 cd/m2. Up to 92 cd/m2 nothing changes; 203, the white of paper (BT.2408),
is a bright grey, and 1000 and more are white.
"""

import math
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

MARK = b"ijcp"
"""Names the maker in the profiles that are built here."""
_CURVE_POINTS = 4096
_SDR_WHITE, _HDR_PEAK = 203.0, 1000.0
"""cd/m2: reference white of BT.2408, and the usual peak of HLG and of masters in PQ."""
_PQ_PEAK = 10_000.0
_HLG_GAMMA = 1.2
"""System gamma of BT.2100 for a peak of 1000 cd/m2."""

Matrix = list[list[float]]
Point = tuple[float, float]


class Cicp(NamedTuple):
    """Numbers of H.273.

    Attributes:
        primaries: Colour primaries, table 2.
        transfer: Transfer characteristics, table 3.
    """

    primaries: int
    transfer: int


_D65, _DCI, _C = (0.3127, 0.3290), (0.314, 0.351), (0.310, 0.316)
_BT709: tuple[Point, ...] = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
_SMPTE170: tuple[Point, ...] = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65)
_P3: tuple[Point, ...] = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
_PRIMARIES: dict[int, tuple[Point, ...]] = {
    1: _BT709,
    2: _BT709,
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: _SMPTE170,
    7: _SMPTE170,
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: (*_P3, _DCI),
    12: (*_P3, _D65),
}
"""Number -> x and y of red, green, blue and white; 2 is unspecified, which viewers take for sRGB."""
_D50_XYZ = (0.9642, 1.0, 0.8249)
_BRADFORD: Matrix = [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]


def _srgb(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _pq_to_light(value: float) -> float:
    """Return cd/m2 (SMPTE ST 2084)."""
    root = value ** (32 / 2523)
    return _PQ_PEAK * float((max(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)) ** (8192 / 1305))


def _light_to_pq(light: float) -> float:
    power = (light / _PQ_PEAK) ** (1305 / 8192)
    return float(((107 / 128 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32))


def _hlg_to_light(value: float) -> float:
    """Return cd/m2 on a screen of 1000 (BT.2100); its gamma is applied to each channel alone."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = value * value / 3 if value <= 0.5 else (math.exp((value - c) / a) + b) / 12
    return _HDR_PEAK * float(scene**_HLG_GAMMA)


def _tone_map(light: float) -> float:
    """Return the share of white of a light in cd/m2, by the EETF of BT.2390-11 without its lift of blacks."""
    peak = _light_to_pq(_HDR_PEAK)
    white = _light_to_pq(_SDR_WHITE) / peak
    knee = 1.5 * white - 0.5
    level = min(_light_to_pq(light) / peak, 1.0)
    if level > knee:
        t = (level - knee) / (1 - knee)
        level = (
            (2 * t**3 - 3 * t**2 + 1) * knee
            + (t**3 - 2 * t**2 + t) * (1 - knee)
            + (-2 * t**3 + 3 * t**2) * white
        )
    return min(_pq_to_light(level * peak) / _SDR_WHITE, 1.0)


_SRGB_TRANSFERS = frozenset({1, 2, 6, 13, 14, 15})
"""sRGB's curve, and BT.709's with its equals, which viewers take for it."""
_TO_LINEAR: dict[int, Callable[[float], float]] = {
    **dict.fromkeys(_SRGB_TRANSFERS, _srgb),
    4: lambda value: value**2.2,
    5: lambda value: value**2.8,
    8: lambda value: value,
    16: lambda value: _tone_map(_pq_to_light(value)),
    17: lambda value: value**2.6,
    18: lambda value: _tone_map(_hlg_to_light(value)),
}


@lru_cache(maxsize=8)
def build_profile(colours: Cicp) -> bytes:
    """Return an ICC profile (version 2, RGB) of these colours; empty if they are sRGB or not known."""
    primaries, to_linear = _PRIMARIES.get(colours.primaries), _TO_LINEAR.get(colours.transfer)
    if primaries is None or to_linear is None:
        return b""
    if primaries is _BT709 and to_linear is _srgb:
        return b""
    columns = list(zip(*_to_d50_xyz(primaries), strict=True))
    points = [round(65535 * to_linear(n / (_CURVE_POINTS - 1))) for n in range(_CURVE_POINTS)]
    curve = b"curv" + bytes(4) + struct.pack(f">I{_CURVE_POINTS}H", _CURVE_POINTS, *points)
    return _write_profile(
        {
            b"desc": _describe(f"CICP {colours.primaries}/{colours.transfer}"),
            b"cprt": b"text" + bytes(4) + b"none\0",
            b"wtpt": _xyz(_D50_XYZ),
            b"rXYZ": _xyz(columns[0]),
            b"gXYZ": _xyz(columns[1]),
            b"bXYZ": _xyz(columns[2]),
            b"rTRC": curve,
            b"gTRC": curve,
            b"bTRC": curve,
        }
    )


def _to_d50_xyz(primaries: Sequence[Point]) -> Matrix:
    """Return the matrix from linear RGB to XYZ, adapted to D50 by Bradford's method (ICC.1, annex E)."""
    *colours, white = ((x / y, 1.0, (1 - x - y) / y) for x, y in primaries)
    plain = [list(row) for row in zip(*colours, strict=True)]
    shares = _apply(_invert(plain), white)
    matrix = [[value * share for value, share in zip(row, shares, strict=True)] for row in plain]
    before, after = _apply(_BRADFORD, white), _apply(_BRADFORD, _D50_XYZ)
    scaled = [
        [value * new / old for value in row] for row, old, new in zip(_BRADFORD, before, after, strict=True)
    ]
    return _multiply(_multiply(_invert(_BRADFORD), scaled), matrix)


def _apply(matrix: Matrix, vector: Sequence[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def _multiply(left: Matrix, right: Matrix) -> Matrix:
    columns = list(zip(*right, strict=True))
    return [[sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in left]


def _invert(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    minors = [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
    determinant = a * minors[0][0] + b * minors[1][0] + c * minors[2][0]
    return [[value / determinant for value in row] for row in minors]


def _describe(text: str) -> bytes:
    data = text.encode() + b"\0"
    return b"desc" + bytes(4) + struct.pack(">I", len(data)) + data + bytes(78)


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _write_profile(tags: dict[bytes, bytes]) -> bytes:
    """Return the profile with its header (ICC.1:2001-04, 6.1)."""
    start = 132 + 12 * len(tags)
    table, body = b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    rest = struct.pack(">I", len(tags)) + table + body
    header = struct.pack(
        ">I4sI4s4s4s12x4s", 128 + len(rest), MARK, 0x02400000, b"mntr", b"RGB ", b"XYZ ", b"acsp"
    )
    header = header.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + rest
