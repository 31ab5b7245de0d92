"""What a zygote can be taught, so that its children can do it in their cage: one skill per format, and finding faces.

Each costs milliseconds at the start, and is code that a hostile file could reach: a pod that sees JPEG alone loads nothing else. HEIC is none of
these: who wants it says so, and it changes the cage.
"""

from collections.abc import Iterable, Sequence

from imagejobs_contract.options import Variant, looks_for_faces
from imagejobs_worker.imaging import results

FORMATS = ("jpeg", "png", "gif", "webp", "avif", "tiff", "bmp")
FACES = "faces"
_ALL = (*FORMATS, FACES)


def needed(source: str, variants: Sequence[Variant]) -> frozenset[str]:
    """Return the skills for one image.

    Args:
        source: Its format, one of `admission.FORMATS`.
        variants: What is made of it.
    """
    made = {form.value for variant in variants for form in results.possible(source, variant)}
    return frozenset(made | ({source} & set(FORMATS)) | ({FACES} if any(map(looks_for_faces, variants)) else set()))


def packed(skills: Iterable[str]) -> int:
    """Return the skills as bits of a number, as orders carry them."""
    return sum(1 << _ALL.index(each) for each in set(skills))


def unpacked(bits: int) -> frozenset[str]:
    """Read what `packed` wrote."""
    return frozenset(each for n, each in enumerate(_ALL) if bits >> n & 1)
