"""One result of an image as part of an answer. Pure."""

from typing import NotRequired, TypedDict

from imagejobs_api.view.links import Links
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import OutputFile
from imagejobs_contract.wire.json_types import Count, Pixels, Url


class PlaceholderBody(TypedDict, total=False):
    """What may be shown until a picture comes.

    Attributes:
        thumbhash: Its ThumbHash in base64, if `placeholder` was asked for.
        main_colour: Its main colour as `#rrggbb`, if `placeholder` was asked for and the picture has one.
    """

    thumbhash: str
    main_colour: str


class ResultOutputBody(TypedDict):
    """One result of an image.

    Attributes:
        variant: Name of the variant.
        width: Pixels.
        height: Pixels.
        bytes: Its size.
        kept_original: The result was not smaller, so the original was copied (`only_if_smaller`).
        thumbhash: Its ThumbHash in base64, if `placeholder` was asked for.
        main_colour: Its main colour as `#rrggbb`, if `placeholder` was asked for and the picture has one.
        download_url: A signed link, which needs no key and expires.
    """

    variant: str
    width: Pixels
    height: Pixels
    format: Format
    bytes: Count
    kept_original: bool
    thumbhash: NotRequired[str]
    main_colour: NotRequired[str]
    download_url: Url


def placeholder_body(output: OutputFile | None) -> PlaceholderBody:
    """Return the placeholder of a result; empty if none was asked for, or there is no result."""
    body: PlaceholderBody = {}
    if output is None:
        return body
    if output.placeholder.thumbhash:
        body["thumbhash"] = output.placeholder.thumbhash
    if output.placeholder.main_colour:
        body["main_colour"] = output.placeholder.main_colour
    return body


def output_body(name: str, index: int, output: OutputFile, links: Links) -> ResultOutputBody:
    """Return a result with a link that is signed now.

    Args:
        name: The image's name.
    """
    return {
        "variant": output.variant,
        "width": output.width,
        "height": output.height,
        "format": output.format,
        "bytes": output.bytes,
        "kept_original": output.kept_original,
        **placeholder_body(output),
        "download_url": links.sign(name, index, output),
    }
