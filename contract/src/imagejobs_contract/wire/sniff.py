"""The format that a file's first bytes show; names and declared types are never trusted.

The worker's decoder decides in the end; this only rejects files that are certainly not read, before they are
stored.
"""

import re

from imagejobs_contract.codes import Code

_MAGIC: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("jpeg", re.compile(rb"\xff\xd8\xff")),
    ("png", re.compile(rb"\x89PNG\r\n\x1a\n(?!....CgBI)", re.DOTALL)),
    ("gif", re.compile(rb"GIF8[79]a")),
    ("webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("avif", re.compile(rb"....ftyp(avif|avis|.{8}([ -~]{4})*?avi[fs])", re.DOTALL)),
    ("heic", re.compile(rb"....ftyp(hei[cxms]|hev[cx]|mif1|msf1)", re.DOTALL)),
    ("tiff", re.compile(rb"(?!II[*]\x00....CR)(II[*+]\x00|MM\x00[*+])", re.DOTALL)),
    # Programs may put anything into the four reserved bytes; then the length of the next header must be one.
    ("bmp", re.compile(rb"BM(.{4}\x00{4}|.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\x00{3})", re.DOTALL)),
)
_UNREAD: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("an iOS PNG (CgBI)", re.compile(rb"\x89PNG\r\n\x1a\n....CgBI", re.DOTALL)),
    ("SVG", re.compile(
        rb"(\xef\xbb\xbf)?\s*(<svg[\s>]|(<\?xml|<!--|<!DOCTYPE svg).*?(<svg[\s>]|DOCTYPE svg))", re.DOTALL
    )),
    ("SVG", re.compile(rb"\xff\xfe<\x00.*?s\x00v\x00g\x00|\xfe\xff\x00<.*?\x00s\x00v\x00g", re.DOTALL)),
    ("an image as Base64 text", re.compile(
        rb"data:image/[\w.+-]+;base64,|iVBORw0KGgo|/9j/[24]|R0lGOD[dl]h|UklGR[\w+/]{6}XRUJQ|AAAA[\w+/]{2}Z0eX"
    )),
    ("PDF", re.compile(rb"\s*%PDF-")),
    ("PostScript (EPS)", re.compile(rb"%!PS|\xc5\xd0\xd3\xc6")),
    ("PSD", re.compile(rb"8BPS")),
    ("JPEG XL", re.compile(rb"\xff\x0a|\x00\x00\x00\x0cJXL \r\n\x87\n")),
    ("JPEG 2000", re.compile(rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51")),
    ("JPEG XR", re.compile(rb"II\xbc")),
    ("CR2 (camera raw)", re.compile(rb"II[*]\x00....CR", re.DOTALL)),
    ("CR3 (camera raw)", re.compile(rb"....ftypcrx ", re.DOTALL)),
    ("RAF (camera raw)", re.compile(rb"FUJIFILMCCD-RAW")),
    ("camera raw", re.compile(rb"IIR[OS]|MMOR|IIU\x00|FOVb|\x00MRM")),
    ("a film (MP4 or MOV)", re.compile(
        rb"....(ftyp(iso[m0-9]|mp4[12v]|M4[VAP]|avc1|qt  |3g[p2s]|f4v|dash|MSNV|mmp4)|moov|mdat)",
        re.DOTALL,
    )),
    ("a HEIF of another coding", re.compile(
        rb"....ftyp(avc[is]|j2k[is]|j2is|jpeg|jpgs|vvi[cs]|evb[is])", re.DOTALL
    )),
    ("a film (MOV)", re.compile(rb"\x00\x00..(wide|free|skip|pnot)", re.DOTALL)),
    ("a film (MPEG)", re.compile(rb"\x00\x00\x01[\xb3\xba]")),
    ("a film (FLV)", re.compile(rb"FLV\x01")),
    ("a film (WMV)", re.compile(rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11")),
    ("a film or sound (Ogg)", re.compile(rb"OggS\x00")),
    ("a film (WebM or Matroska)", re.compile(rb"\x1a\x45\xdf\xa3")),
    ("a film (AVI)", re.compile(rb"RIFF....AVI ", re.DOTALL)),
    ("ICO", re.compile(rb"\x00\x00[\x01\x02]\x00[\x01-\xff]\x00")),
    ("ICNS", re.compile(rb"icns")),
    ("QOI", re.compile(rb"qoif")),
    ("PNM (PBM, PGM, PPM, PAM)", re.compile(rb"P[1-7]\s")),
    ("PFM", re.compile(rb"P[Ff]\r?\n")),
    ("XBM", re.compile(rb"#define \w+_width \d")),
    ("XPM", re.compile(rb"/\* XPM \*/")),
    ("a Sun raster", re.compile(rb"\x59\xa6\x6a\x95")),
    ("ILBM", re.compile(rb"FORM....(ILBM|PBM )", re.DOTALL)),
    ("an animated cursor (ANI)", re.compile(rb"RIFF....ACON", re.DOTALL)),
    ("JPEG XS", re.compile(rb"\xff\x10\xff\x50")),
    ("OpenEXR", re.compile(rb"\x76\x2f\x31\x01")),
    ("Radiance HDR", re.compile(rb"#\?(RADIANCE|RGBE)")),
    ("DDS", re.compile(rb"DDS \x7c\x00\x00\x00")),
    ("KTX", re.compile(rb"\xabKTX ")),
    ("FLIF", re.compile(rb"FLIF")),
    ("BPG", re.compile(rb"BPG\xfb")),
    ("WMF", re.compile(rb"\xd7\xcd\xc6\x9a")),
    ("EMF", re.compile(rb"\x01\x00\x00\x00.{36} EMF", re.DOTALL)),
    ("XCF (GIMP)", re.compile(rb"gimp xcf ")),
    ("DjVu", re.compile(rb"AT&TFORM")),
    ("MNG", re.compile(rb"\x8aMNG\r\n\x1a\n")),
    ("JNG", re.compile(rb"\x8bJNG\r\n\x1a\n")),
    ("FITS", re.compile(rb"SIMPLE  =")),
    ("DICOM", re.compile(rb".{128}DICM", re.DOTALL)),
    ("PCX", re.compile(rb"\x0a[\x00-\x05]\x01[\x01\x02\x04\x08]")),
    ("SGI", re.compile(rb"\x01\xda[\x00\x01][\x01\x02]")),
    # The last, because a TGA has no signature: no id, a kind of colour map, a kind of picture, a depth.
    ("TGA", re.compile(
        rb"\x00(\x00[\x02\x03\x0a\x0b]\x00{5}|\x01[\x01\x09].{4}[\x0f\x10\x18\x20]).{8}[\x08\x0f\x10\x18\x20][\x00-\x3f]",
        re.DOTALL,
    )),
)  # fmt: skip
"""Formats of pictures, and of films, that people send and that are not read -> their first bytes."""
HEAD_BYTES = 256
"""Bytes that are looked at: an SVG may begin with a declaration and a comment."""
READ = "read are JPEG, PNG, WebP, AVIF, GIF, TIFF and BMP, and HEIC where it is switched on"
"""For messages."""


def sniff(head: bytes) -> str | None:
    """Return `jpeg png gif webp avif heic tiff bmp`, or None if the bytes start like none of them."""
    return next((name for name, magic in _MAGIC if magic.match(head[:HEAD_BYTES])), None)


def explain_refusal(head: bytes) -> tuple[Code, str]:
    """Return code and message for a file of which `sniff` returns None: the same words, whoever looks first.

    Args:
        head: The first bytes of the file; b"" if it is empty.
    """
    if name := _unread_format(head):
        return Code.UNSUPPORTED_FORMAT, f"The file is {name}, which is not read; {READ}."
    return Code.NOT_AN_IMAGE, "The file is not an image." if head else "The file is empty."


def _unread_format(head: bytes) -> str | None:
    return next((name for name, magic in _UNREAD if magic.match(head[:HEAD_BYTES])), None)
