"""One result of an image as part of an answer. Pure."""

from typing import TypedDict

from imagejobs_api.view.links import Links
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import OutputFile
from imagejobs_contract.wire.json_types import Count, Pixels, Url


class ResultOutputBody(TypedDict):
    """One result of an image.

    Attributes:
        variant: Name of the variant.
        width: Pixels.
        height: Pixels.
        bytes: Its size.
        kept_original: The result was not smaller, so the original was copied (`only_if_smaller`).
        download_url: A signed link, which needs no key and expires.
    """

    variant: str
    width: Pixels
    height: Pixels
    format: Format
    bytes: Count
    kept_original: bool
    download_url: Url


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
        "download_url": links.sign(name, index, output),
    }
