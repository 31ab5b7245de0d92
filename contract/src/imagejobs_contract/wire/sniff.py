"""The image format that a file's first 64 bytes show; names and declared types are never trusted.

The worker's decoder decides in the end; this only rejects files that are certainly no image, before they are
stored.
"""

import re

_MAGIC: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("jpeg", re.compile(rb"\xff\xd8\xff")),
    ("png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("gif", re.compile(rb"GIF8[79]a")),
    ("webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("avif", re.compile(rb"....ftyp(avif|avis|.{8}([ -~]{4})*?avi[fs])", re.DOTALL)),
    ("heic", re.compile(rb"....ftyp(hei[cxms]|hev[cx]|mif1|msf1)", re.DOTALL)),
    ("tiff", re.compile(rb"II[*+]\x00|MM\x00[*+]")),
    ("bmp", re.compile(rb"BM.{4}\x00\x00\x00\x00", re.DOTALL)),
)
HEAD_BYTES = 64
"""Bytes that `sniff` looks at."""


def sniff(head: bytes) -> str | None:
    """Return `jpeg png gif webp avif heic tiff bmp`, or None if the bytes start like none of them."""
    return next((name for name, magic in _MAGIC if magic.match(head[:HEAD_BYTES])), None)
