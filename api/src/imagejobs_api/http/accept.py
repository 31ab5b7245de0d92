"""Chooses the format for `format=auto`: the best one that the request's `Accept` names. Pure."""

import re

from imagejobs_contract.model.options import Format

BEST_FIRST = (Format.AVIF, Format.WEBP)

_REFUSED = re.compile(r"q\s*=\s*0(\.0*)?", re.ASCII | re.IGNORECASE)


def best_format(accept: str | None) -> Format | None:
    """Return AVIF or WebP if the header names it, else None, which keeps the source's format.

    A wildcard names no format: programs that know no image formats send `*/*`.
    """
    named = {_media_type(part) for part in (accept or "").split(",") if not _is_refused(part)}
    return next((each for each in BEST_FIRST if each.content_type in named), None)


def _media_type(part: str) -> str:
    return part.split(";")[0].strip().lower()


def _is_refused(part: str) -> bool:
    return any(_REFUSED.fullmatch(parameter.strip()) for parameter in part.split(";")[1:])
