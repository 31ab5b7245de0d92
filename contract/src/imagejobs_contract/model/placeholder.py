"""The placeholder of a result: what is shown until the picture comes. A value, and its bounds."""

import re
from typing import NamedTuple

_THUMBHASH = re.compile(r"[A-Za-z0-9+/]{8,40}={0,2}", re.ASCII)
_COLOUR = re.compile(r"(#[0-9a-f]{6})?", re.ASCII)


class Placeholder(NamedTuple):
    """The placeholder of one result, or of none that was asked for.

    Attributes:
        thumbhash: Base64 of its ThumbHash (evanw.github.io/thumbhash), some 25 bytes; "" if it was not asked
            for.
        main_colour: `#rrggbb`; "" also if nothing of the picture is opaque.
    """

    thumbhash: str = ""
    main_colour: str = ""


NO_PLACEHOLDER = Placeholder()


def read_placeholder(thumbhash: object, main_colour: object) -> Placeholder:
    """Read what another program wrote.

    Raises:
        ValueError: It is no placeholder.
    """
    hash_text, colour = str(thumbhash), str(main_colour)
    if not hash_text and not colour:
        return NO_PLACEHOLDER
    if not _THUMBHASH.fullmatch(hash_text) or not _COLOUR.fullmatch(colour):
        raise ValueError("no placeholder")
    return Placeholder(hash_text, colour)
