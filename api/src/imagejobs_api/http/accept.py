"""What `format=auto` means for a caller: the best format that its `Accept` names. Pure."""

import re

from imagejobs_contract.model.options import Format

BEST_FIRST = (Format.AVIF, Format.WEBP)

_REFUSED = re.compile(r"q\s*=\s*0(\.0*)?", re.ASCII | re.IGNORECASE)


def best_format(accept: str | None) -> Format | None:
    """Return AVIF or WebP if the header names it, else None: the source's own.

    A wildcard names nothing: `*/*` is what programs send that know no image format at all.
    """
    named = {_media_type(part) for part in (accept or "").split(",") if not _is_refused(part)}
    return next((each for each in BEST_FIRST if each.content_type in named), None)


def _media_type(part: str) -> str:
    return part.split(";")[0].strip().lower()


def _is_refused(part: str) -> bool:
    return any(_REFUSED.fullmatch(parameter.strip()) for parameter in part.split(";")[1:])
