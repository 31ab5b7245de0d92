"""Chooses the formats for `format=auto`: those that the request's `Accept` names, the best first. Pure."""

import re

from imagejobs_contract.model.options import Format

BEST_FIRST = (Format.AVIF, Format.WEBP)

_WEIGHT = re.compile(r"q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII | re.IGNORECASE)


def named_formats(accept: str | None) -> tuple[Format, ...]:
    """Return AVIF and WebP as far as the header names them, by falling weight (RFC 9110, 12.5.1).

    Of equals AVIF is the first. Without any, the source's format is kept.

    A wildcard names no format: programs that know no image formats send `*/*`.
    """
    weights = {_media_type(part): _weight(part) for part in (accept or "").split(",")}
    named = (each for each in BEST_FIRST if weights.get(each.content_type))
    return tuple(sorted(named, key=lambda each: -weights[each.content_type]))


def _media_type(part: str) -> str:
    return part.split(";")[0].strip().lower()


def _weight(part: str) -> float:
    """Return the weight of a part of the header; 1 if it has none, or none that can be read."""
    found = (_WEIGHT.fullmatch(parameter.strip()) for parameter in part.split(";")[1:])
    return next((float(each[1]) for each in found if each), 1.0)
