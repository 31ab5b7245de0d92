"""Colours as people write them: hexadecimal, CSS names, `rgb(...)`, `hsl(...)`, with or without an opacity.

Imported with the first colour that is not six digits.
"""

import re

TRANSPARENT, _NONE = "transparent", "none"
_HEX = re.compile(r"#?([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})")
_FUNCTION = re.compile(r"(rgb|hsl)a?\s*\(([^()]{1,60})\)")
"""CSS Color 4, sections 5.1 and 7; `hwb`, `lab` and their like are not taken."""
_SEPARATORS = re.compile(r"\s*[,/]\s*|\s+")
_NUMBER = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)(%?)", re.ASCII)
_CSS = (
    "aliceblue:f0f8ff antiquewhite:faebd7 aqua:00ffff aquamarine:7fffd4 azure:f0ffff beige:f5f5dc "
    "bisque:ffe4c4 black:000000 blanchedalmond:ffebcd blue:0000ff blueviolet:8a2be2 brown:a52a2a "
    "burlywood:deb887 cadetblue:5f9ea0 chartreuse:7fff00 chocolate:d2691e coral:ff7f50 "
    "cornflowerblue:6495ed cornsilk:fff8dc crimson:dc143c cyan:00ffff darkblue:00008b darkcyan:008b8b "
    "darkgoldenrod:b8860b darkgray:a9a9a9 darkgreen:006400 darkgrey:a9a9a9 darkkhaki:bdb76b "
    "darkmagenta:8b008b darkolivegreen:556b2f darkorange:ff8c00 darkorchid:9932cc darkred:8b0000 "
    "darksalmon:e9967a darkseagreen:8fbc8f darkslateblue:483d8b darkslategray:2f4f4f "
    "darkslategrey:2f4f4f darkturquoise:00ced1 darkviolet:9400d3 deeppink:ff1493 deepskyblue:00bfff "
    "dimgray:696969 dimgrey:696969 dodgerblue:1e90ff firebrick:b22222 floralwhite:fffaf0 "
    "forestgreen:228b22 fuchsia:ff00ff gainsboro:dcdcdc ghostwhite:f8f8ff gold:ffd700 goldenrod:daa520 "
    "gray:808080 green:008000 greenyellow:adff2f grey:808080 honeydew:f0fff0 hotpink:ff69b4 "
    "indianred:cd5c5c indigo:4b0082 ivory:fffff0 khaki:f0e68c lavender:e6e6fa lavenderblush:fff0f5 "
    "lawngreen:7cfc00 lemonchiffon:fffacd lightblue:add8e6 lightcoral:f08080 lightcyan:e0ffff "
    "lightgoldenrodyellow:fafad2 lightgray:d3d3d3 lightgreen:90ee90 lightgrey:d3d3d3 lightpink:ffb6c1 "
    "lightsalmon:ffa07a lightseagreen:20b2aa lightskyblue:87cefa lightslategray:778899 "
    "lightslategrey:778899 lightsteelblue:b0c4de lightyellow:ffffe0 lime:00ff00 limegreen:32cd32 "
    "linen:faf0e6 magenta:ff00ff maroon:800000 mediumaquamarine:66cdaa mediumblue:0000cd "
    "mediumorchid:ba55d3 mediumpurple:9370db mediumseagreen:3cb371 mediumslateblue:7b68ee "
    "mediumspringgreen:00fa9a mediumturquoise:48d1cc mediumvioletred:c71585 midnightblue:191970 "
    "mintcream:f5fffa mistyrose:ffe4e1 moccasin:ffe4b5 navajowhite:ffdead navy:000080 oldlace:fdf5e6 "
    "olive:808000 olivedrab:6b8e23 orange:ffa500 orangered:ff4500 orchid:da70d6 palegoldenrod:eee8aa "
    "palegreen:98fb98 paleturquoise:afeeee palevioletred:db7093 papayawhip:ffefd5 peachpuff:ffdab9 "
    "peru:cd853f pink:ffc0cb plum:dda0dd powderblue:b0e0e6 purple:800080 rebeccapurple:663399 red:ff0000 "
    "rosybrown:bc8f8f royalblue:4169e1 saddlebrown:8b4513 salmon:fa8072 sandybrown:f4a460 "
    "seagreen:2e8b57 seashell:fff5ee sienna:a0522d silver:c0c0c0 skyblue:87ceeb slateblue:6a5acd "
    "slategray:708090 slategrey:708090 snow:fffafa springgreen:00ff7f steelblue:4682b4 tan:d2b48c "
    "teal:008080 thistle:d8bfd8 tomato:ff6347 turquoise:40e0d0 violet:ee82ee wheat:f5deb3 white:ffffff "
    "whitesmoke:f5f5f5 yellow:ffff00 yellowgreen:9acd32 "
)
_NAMES = dict(each.split(":") for each in _CSS.split())
"""The names of CSS Color 4 (section 6.1), which are those of SVG."""


def parse_colour(text: str) -> str:
    """Return a colour as `rrggbb`, or `transparent`.

    Raises:
        ValueError: It is no colour, or a half transparent one; the message says which.
    """
    word = "".join(text.lower().split())
    if word in (_NONE, TRANSPARENT) or word in _NAMES:
        return _NAMES.get(word, TRANSPARENT)
    if found := _HEX.fullmatch(word):
        digits = found[1] if len(found[1]) > 4 else "".join(2 * each for each in found[1])
        return _opaque(digits[:6], digits[6:] or "ff", ("00", "ff"))
    if found := _FUNCTION.fullmatch(text.strip().lower()):
        parts = _SEPARATORS.split(found[2].strip())
        colour = (_from_rgb if found[1] == "rgb" else _from_hsl)(parts[:3]) if len(parts) in (3, 4) else ""
        if colour:
            return _opaque(colour, _OPACITIES.get(parts[3] if len(parts) == 4 else "1", ""), ("00", "ff"))
    raise ValueError(f"is not a colour as rrggbb, rgb or a CSS name{_guess(word)}")


def _from_rgb(parts: list[str]) -> str:
    """Return the colour of three numbers to 255, or of three shares in per cent; empty if it is none."""
    shares = [_number(part, 255, 100) for part in parts]
    return "" if None in shares else _hexadecimal([share for share in shares if share is not None])


def _from_hsl(parts: list[str]) -> str:
    """Return the colour of a hue in degrees, a saturation and a lightness; empty if it is none."""
    from colorsys import hls_to_rgb

    hue = _number(parts[0].removesuffix("deg"), 360, 0)
    saturation, lightness = (_number(part, 100, 100) for part in parts[1:])
    if hue is None or saturation is None or lightness is None:
        return ""
    return _hexadecimal(list(hls_to_rgb(hue, lightness, saturation)))


def _number(text: str, highest: int, highest_per_cent: int) -> float | None:
    """Return a number as a share of the highest one; None if it is none or too high."""
    found = _NUMBER.fullmatch(text)
    most = highest_per_cent if found and found[2] else highest
    return float(found[1]) / most if found and most and float(found[1]) <= most else None


def _hexadecimal(shares: list[float]) -> str:
    return "".join(f"{int(255 * share + 0.5):02x}" for share in shares)


_OPACITIES = {"0": "00", "0.0": "00", "0%": "00", "1": "ff", "1.0": "ff", "100%": "ff"}


def _opaque(colour: str, opacity: str, known: tuple[str, str]) -> str:
    if opacity not in known:
        raise ValueError("is half transparent; a background is either a colour as rrggbb or transparent")
    return TRANSPARENT if opacity == known[0] else colour


def _guess(word: str) -> str:
    from difflib import get_close_matches

    found = get_close_matches(word[:40], _NAMES, 1, 0.7)
    return f"; did you mean {found[0]}?" if found else ""
