"""Reads and corrects XMP (ISO 16684-1) as text; no XML parser looks at a stranger's file.

What describes the container, the pixels or other pictures of the old file is not true of the result and goes:
sizes, colour space, thumbnails, gain maps, films of motion photos, and panoramas' places of pixels.
"""

import re
from html import escape, unescape

_STALE_SPACES = {
    "http://ns.adobe.com/hdr-gain-map/1.0/": "hdrgm",
    "http://ns.apple.com/HDRGainMap/1.0/": "HDRGainMap",
    "http://ns.apple.com/pixeldatainfo/1.0/": "apdi",
    "http://ns.google.com/photos/1.0/container/": "Container",
    "http://ns.google.com/photos/1.0/container/item/": "Item",
    "http://ns.google.com/photos/1.0/camera/": "GCamera",
    "http://ns.google.com/photos/1.0/image/": "GImage",
    "http://ns.google.com/photos/1.0/audio/": "GAudio",
    "http://ns.google.com/photos/1.0/depthmap/": "GDepth",
    "http://ns.google.com/photos/dd/1.0/device/": "Device",
    "http://ns.google.com/photos/1.0/panorama/": "GPano",
    "http://ns.adobe.com/xmp/note/": "xmpNote",
    "http://ns.adobe.com/xap/1.0/g/img/": "xmpGImg",
}
"""Namespaces that are dropped whole, each with its usual prefix."""
_STALE_NAMES = {
    "http://ns.adobe.com/tiff/1.0/": (
        "tiff",
        "ImageWidth|ImageLength|BitsPerSample|Compression|PhotometricInterpretation|SamplesPerPixel"
        "|PlanarConfiguration|YCbCrSubSampling|YCbCrPositioning|YCbCrCoefficients|TransferFunction|WhitePoint"
        "|PrimaryChromaticities|ReferenceBlackWhite|NativeDigest",
    ),
    "http://ns.adobe.com/exif/1.0/": (
        "exif",
        "PixelXDimension|PixelYDimension|ColorSpace|CompressedBitsPerPixel|ComponentsConfiguration|Gamma|NativeDigest",
    ),
    "http://ns.adobe.com/xap/1.0/": ("xmp", "Thumbnails"),
    "http://ns.adobe.com/photoshop/1.0/": ("photoshop", "ICCProfile|ColorMode"),
}
"""Names that are dropped of other namespaces."""
_DECLARATION = re.compile(r"""\sxmlns:([\w.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_ORIENTATION = r"""(%s:Orientation\s*(?:=\s*["']|>)\s*)[0-9]+"""
_VALUE = r"""\s*=\s*(?:"[^"]*"|'[^']*')"""
_MAX_LISTED = 20
_MAX_VALUE_CHARS = 2000


def correct(packet: bytes) -> bytes:
    """Return the packet without what is no longer true, and upright; empty if it is not XMP in UTF-8."""
    try:
        text = packet.decode("utf-8").strip("\0")
    except UnicodeDecodeError:
        return b""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return b""
    for prefixes, names in _stale(text):
        prefix = "|".join(map(re.escape, prefixes))
        text = _drop(text, f"(?:{prefix}):(?:{names})")
    text = _DECLARATION.sub(lambda found: "" if (found[2] or found[3]) in _STALE_SPACES else found[0], text)
    tiff = "|".join(map(re.escape, _prefixes(text, "http://ns.adobe.com/tiff/1.0/", "tiff")))
    return re.sub(_ORIENTATION % f"(?:{tiff})", r"\g<1>1", text).encode()


def _stale(text: str) -> list[tuple[list[str], str]]:
    whole = [(_prefixes(text, space, usual), r"[\w.-]+") for space, usual in _STALE_SPACES.items()]
    return whole + [(_prefixes(text, space, usual), names) for space, (usual, names) in _STALE_NAMES.items()]


def _prefixes(text: str, space: str, usual: str) -> list[str]:
    """Return the prefixes that stand for a namespace, the usual one among them."""
    declared = {found[1] for found in _DECLARATION.finditer(text) if space in (found[2], found[3])}
    return sorted({usual, *declared})


def _drop(text: str, name: str) -> str:
    """Return the text without the elements and attributes of a name, given as a pattern without groups."""
    text = re.sub(rf"<({name})(?:\s[^<>]*)?/>", "", text)
    text = re.sub(rf"\s{name}{_VALUE}", "", text)
    while found := re.search(rf"<({name})(?:\s[^<>]*)?>", text):
        end = text.find(f"</{found[1]}>", found.end())
        if end < 0:
            return text[: found.start()]
        text = text[: found.start()] + text[end + len(found[1]) + 3 :]
    return text


def read_values(packet: bytes, name: str) -> list[str]:
    """Return the texts of a property, given with its usual prefix, such as `dc:creator`."""
    text = packet.decode("utf-8", "replace")
    if element := re.search(rf"<{name}(?:\s[^<>]*)?>(.*?)</{name}>", text, re.DOTALL):
        listed = re.findall(r"<rdf:li(?:\s[^<>]*)?>([^<>]*)</rdf:li>", element[1])
        found = listed or ([] if "<" in element[1] else [element[1]])
    else:
        attribute = re.search(rf"\s{name}\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", text)
        found = [attribute[1] or attribute[2] or ""] if attribute else []
    values = (unescape(value).strip()[:_MAX_VALUE_CHARS] for value in found[:_MAX_LISTED])
    return [value for value in values if value]


def write(creators: list[str], languages: dict[str, str], plain: dict[str, str]) -> bytes:
    """Return a packet.

    Args:
        creators: For `dc:creator`.
        languages: Name -> text of the properties that may have several languages.
        plain: Name -> text of the others.
    """
    parts = [f"<{name}>{escape(value)}</{name}>" for name, value in plain.items()]
    parts += [
        f'<{name}><rdf:Alt><rdf:li xml:lang="x-default">{escape(value)}</rdf:li></rdf:Alt></{name}>'
        for name, value in languages.items()
    ]
    if creators:
        items = "".join(f"<rdf:li>{escape(creator)}</rdf:li>" for creator in creators)
        parts.append(f"<dc:creator><rdf:Seq>{items}</rdf:Seq></dc:creator>")
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/">'
        f"{''.join(parts)}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()
