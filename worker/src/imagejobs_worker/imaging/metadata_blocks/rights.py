"""Who made a picture and who may use it, of all that a file says: nothing of places, devices or times.

XMP is asked first, then IPTC, EXIF and the texts of a PNG; each may fill what the others leave open.
"""

from collections.abc import Mapping
from typing import NamedTuple

from imagejobs_worker.imaging.metadata_blocks import iptc, xmp


class Rights(NamedTuple):
    """By-line and rights.

    Attributes:
        creators: By-line.
        notice: Copyright notice.
        credit: Credit line.
        terms: Usage terms.
        url: Address of the licence.
    """

    creators: tuple[str, ...] = ()
    notice: str = ""
    credit: str = ""
    terms: str = ""
    url: str = ""


def find_rights(
    packet: bytes, datasets: list[iptc.Dataset], artist: str, copyright_notice: str, texts: Mapping[str, str]
) -> Rights:
    """Return what is known.

    Args:
        packet: XMP, or empty.
        datasets: IPTC's.
        artist: EXIF's.
        copyright_notice: EXIF's.
        texts: Of a PNG, by their keywords.
    """

    def first(*found: list[str]) -> str:
        return next((values[0] for values in found if values), "")

    creators = (
        xmp.read_values(packet, "dc:creator")
        or iptc.texts(datasets, iptc.BY_LINE)
        or _given(artist)
        or _given(texts.get("Author", ""))
    )
    return Rights(
        tuple(creators),
        first(
            xmp.read_values(packet, "dc:rights"),
            iptc.texts(datasets, iptc.COPYRIGHT),
            _given(copyright_notice),
            _given(texts.get("Copyright", "")),
        ),
        first(xmp.read_values(packet, "photoshop:Credit"), iptc.texts(datasets, iptc.CREDIT)),
        first(xmp.read_values(packet, "xmpRights:UsageTerms")),
        first(xmp.read_values(packet, "xmpRights:WebStatement")),
    )


def _given(text: str) -> list[str]:
    return [text.strip()] if text.strip() else []


def write_xmp(rights: Rights) -> bytes:
    """Return a packet of the rights; empty without any."""
    if not any(rights):
        return b""
    languages = {"dc:rights": rights.notice, "xmpRights:UsageTerms": rights.terms}
    plain = {"photoshop:Credit": rights.credit, "xmpRights:WebStatement": rights.url}
    return xmp.write(
        list(rights.creators),
        {name: value for name, value in languages.items() if value},
        {name: value for name, value in plain.items() if value},
    )


def write_iptc(rights: Rights) -> bytes:
    """Return IPTC's datasets of the rights; empty without any."""
    return iptc.for_rights(rights.creators, rights.credit, rights.notice)
