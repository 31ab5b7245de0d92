"""The codecs that a zygote can preload: one per format, the face detector, large PNGs and strict JPEGs.

Each costs milliseconds at the start, and is code that a hostile file could reach: a pod that sees only JPEG
loads nothing else. HEIC is not among them: a setting turns it on, and it changes the cage.
"""

from collections.abc import Iterable, Sequence

from imagejobs_contract.model.options import Variant, looks_for_faces
from imagejobs_worker.imaging import formats

FORMATS = ("jpeg", "png", "gif", "webp", "avif", "tiff", "bmp")
ALWAYS = frozenset({"jpeg"})
"""Most images need JPEG: it is loaded while the worker still loads itself, whatever the settings say."""
FACES = "faces"
LARGE_PNGS = "large pngs"
"""A faster decoder for plain PNGs (`imaging.codecs.plain_png`). No image fails without it, and it is not
loaded for a few files.
"""
LARGE_PNG_BYTES = 2**20
LARGE_PNG_FILES = 3
"""The large PNG with which that decoder is loaded: loading takes the time that three of 10 megapixels save.
"""
STRICT_JPEGS = "strict jpegs"
"""A decoder that notices all damage to progressive JPEGs and those with restart markers
(`imaging.soundness.strict_jpeg`). No sound image fails without it.
"""
OPTIONAL = frozenset({LARGE_PNGS, STRICT_JPEGS})
"""Codecs that may be missing without an error."""
_ALL = (*FORMATS, FACES, LARGE_PNGS, STRICT_JPEGS)


def find(source: str, variants: Sequence[Variant]) -> frozenset[str]:
    """Return the codecs that one image needs.

    Args:
        source: Its format, one of `imaging.formats.SOURCE_FORMATS`.
        variants: The pictures to make of it.
    """
    made = {
        form.value
        for variant in variants
        for transparent in (False, True)
        for form in formats.candidate_formats(source, variant, transparent=transparent)
    }
    return frozenset(
        made | ({source} & set(FORMATS)) | ({FACES} if any(map(looks_for_faces, variants)) else set())
    )


def pack(names: Iterable[str]) -> int:
    """Return the codecs as bits of a number, as commands carry them."""
    return sum(1 << _ALL.index(each) for each in set(names))


def unpack(bits: int) -> frozenset[str]:
    """Read a number that `pack` returned."""
    return frozenset(each for n, each in enumerate(_ALL) if bits >> n & 1)
