"""What formats a result can have, before anything is decoded."""

from imagejobs_contract.model.options import Format, Variant

_FOR_THE_WEB = {"bmp": (Format.JPEG, Format.PNG), "heic": (Format.JPEG, Format.PNG)}
"""What becomes of sources that are not written here or that browsers do not show: where they are opaque,
where they are not.
"""


def possible(source: str, variant: Variant) -> tuple[Format, Format]:
    """Return the asked-for format, or the source's own: of a picture that is opaque, and of one that is not.

    Args:
        source: The source's format, one of `admission.FORMATS`.
        variant: What is asked for.
    """
    if variant.format:
        return variant.format, variant.format
    return _FOR_THE_WEB.get(source) or (Format(source),) * 2
