"""Recognises sRGB profiles, which most are: a conversion would change nothing and take 5 ms to prepare.

The name alone does not decide: there are linear profiles called `sRGB-elle-V4-g10`, and phones whose P3 is
`sRGB EOTF with DCI-P3 Color Gamut`.
"""

import struct
from collections.abc import Sequence

from PIL import ImageCms

_RED_XYZ = (0.4361, 0.2225, 0.0139)
"""Red of sRGB as XYZ under D50 (ICC registry); P3's has 0.5151 for the first."""
_MIDDLE_LIGHT = 0.214
"""Light of sRGB's middle value; 0.218 by a plain gamma of 2.2, which some profiles use instead."""
_TOLERANCE = 0.01
_FIXED_POINT_UNIT = 65536
"""The unit of ICC's s15Fixed16Number."""


def is_srgb(opened: ImageCms.ImageCmsProfile, data: bytes) -> bool:
    """Return whether an RGB profile says that it is sRGB, and its red and its curve agree.

    Args:
        opened: The profile.
        data: The same profile as bytes.

    Raises:
        struct.error, LookupError, ArithmeticError: The profile is damaged.
    """
    profile = opened.profile
    if not (profile.profile_description or "").startswith("sRGB"):
        return False
    red, middle = profile.red_colorant, _middle_light(data)
    return (red is None or _is_near(red[0], _RED_XYZ)) and (
        middle is None or _is_near([middle], [_MIDDLE_LIGHT])
    )


def _middle_light(data: bytes) -> float | None:
    """Return the light of red's middle value, or None if the profile has tables instead of a curve.

    The layout of both kinds of curve is in ICC.1:2022, 10.6 and 10.18.
    """
    curve = _find_tag(data, b"rTRC")
    if curve[:4] == b"para":
        gamma, slope, offset = (
            struct.unpack_from(">3i", curve, 12)
            if curve[9]
            else (*struct.unpack_from(">i", curve, 12), _FIXED_POINT_UNIT, 0)
        )
        return _power((slope / 2 + offset) / _FIXED_POINT_UNIT, gamma / _FIXED_POINT_UNIT)
    if curve[:4] == b"curv":
        points = struct.unpack_from(">I", curve, 8)[0]
        value = struct.unpack_from(">H", curve, 12 + 2 * (points // 2))[0] if points else 256
        return value / 65535 if points > 1 else _power(0.5, value / 256)
    return None


def _is_near(found: Sequence[float], expected: Sequence[float]) -> bool:
    return all(abs(a - b) < _TOLERANCE for a, b in zip(found, expected, strict=True))


def _find_tag(data: bytes, name: bytes) -> bytes:
    for n in range(min(struct.unpack_from(">I", data, 128)[0], 100)):
        found, at, size = struct.unpack_from(">4sII", data, 132 + 12 * n)
        if found == name:
            return data[at : at + size]
    return b""


def _power(base: float, gamma: float) -> float:
    return float(max(base, 0.0) ** max(gamma, 0.0))
