"""Chooses the format for `format=auto`: the best one that the request's `Accept` names. Pure."""

import re

from imagejobs_contract.model.options import Format

BEST_FIRST = (Format.AVIF, Format.WEBP)

_WEIGHT = re.compile(r"q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII | re.IGNORECASE)


def best_format(accept: str | None) -> Format | None:
    """Return AVIF or WebP, the one with the higher weight if the header names both (RFC 9110, 12.5.1).

    Without either it is None, which keeps the source's format; of equals AVIF is the better one.

    A wildcard names no format: programs that know no image formats send `*/*`.
    """
    parts = (accept or "").split(",")
    weights = {_media_type(part): _weight(part) for part in parts}
    best = max(BEST_FIRST, key=lambda each: weights.get(each.content_type, 0.0))
    return best if weights.get(best.content_type) else None


def _media_type(part: str) -> str:
    return part.split(";")[0].strip().lower()


def _weight(part: str) -> float:
    """Return the weight of a part of the header; 1 if it has none, or none that can be read."""
    found = (_WEIGHT.fullmatch(parameter.strip()) for parameter in part.split(";")[1:])
    return next((float(each[1]) for each in found if each), 1.0)
