"""What a zygote can be taught, so that its children can do it in their cage: one skill per format, finding faces, and large PNGs.

Each costs milliseconds at the start, and is code that a hostile file could reach: a pod that sees JPEG alone
loads nothing else. HEIC is none of
these: who wants it says so, and it changes the cage.
"""

from collections.abc import Iterable, Sequence

from imagejobs_contract.model.options import Variant, looks_for_faces
from imagejobs_worker.imaging import results

FORMATS = ("jpeg", "png", "gif", "webp", "avif", "tiff", "bmp")
ALWAYS = frozenset({"jpeg"})
"""Most images need it: it is learned while the worker still loads itself, whatever else is wanted."""
FACES = "faces"
LARGE_PNGS = "large pngs"
"""A faster decoder for plain ones (`imaging.plain_png`). Nothing fails without it, and it is not loaded for a
few files.
"""
LARGE_PNG_BYTES = 2**20
LARGE_PNG_FILES = 3
"""The large PNG with which it is learned: that takes as long as three of 10 megapixels save."""
_ALL = (*FORMATS, FACES, LARGE_PNGS)


def codecs_needed(source: str, variants: Sequence[Variant]) -> frozenset[str]:
    """Return the skills for one image.

    Args:
        source: Its format, one of `admission.FORMATS`.
        variants: What is made of it.
    """
    made = {form.value for variant in variants for form in results.possible(source, variant)}
    return frozenset(
        made | ({source} & set(FORMATS)) | ({FACES} if any(map(looks_for_faces, variants)) else set())
    )


def pack(names: Iterable[str]) -> int:
    """Return the skills as bits of a number, as orders carry them."""
    return sum(1 << _ALL.index(each) for each in set(names))


def unpack(bits: int) -> frozenset[str]:
    """Read what `packed` wrote."""
    return frozenset(each for n, each in enumerate(_ALL) if bits >> n & 1)
