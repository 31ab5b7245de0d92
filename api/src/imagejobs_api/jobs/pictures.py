"""Results as `<picture>` elements, for whoever builds a site of them. Pure.

The results of one image that differ in size and encoding only are one picture. One that shows another part of
the image, as a square thumbnail does, is none of it: a browser takes any of the list.
"""

import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NotRequired, TypedDict
from urllib.parse import quote

from imagejobs_api.jobs.result_body import IndexedOutcome
from imagejobs_api.view.links import Links
from imagejobs_api.view.output_body import placeholder_body
from imagejobs_contract.model import names, output_names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.options import Format
from imagejobs_contract.model.outcome import OutputFile
from imagejobs_contract.reader import Reader
from imagejobs_contract.wire.json_types import Pixels

BEST_FIRST = (Format.AVIF, Format.WEBP)
"""Browsers take the first source that they know."""
FALLBACKS = (Format.JPEG, Format.PNG, Format.GIF, Format.WEBP, Format.AVIF)
"""Formats for `<img>`, the most widely known first. No browser but Safari shows TIFF."""
SAME_RATIO = 0.02
"""Pictures of one shape differ by rounding: 200 pixels of 1,500 by 1,000 are 200 by 133."""
BASE_PATTERN = r"(https?://|/)[!#-&(-+\-./0-;=?-\[\]-_a-z|~{}]*"
"""Printable ASCII without quotes, commas, angle brackets and backslashes."""
FIELDS = ("as", "base", "sizes")


class ResultsAs(StrEnum):
    """Another form of results."""

    PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """What a caller asks for.

    Attributes:
        base: Where the files will lie, in place of links that expire; "" for these.
        sizes: As HTML's attribute `sizes`.
    """

    base: str
    sizes: str


class PictureSourceBody(TypedDict):
    """One encoding of a picture, in some sizes.

    Attributes:
        type: Its media type.
        srcset: The files and their widths, as HTML's attribute `srcset`.
    """

    type: str
    srcset: str


class PictureBody(TypedDict):
    """An image as a `<picture>` element.

    Attributes:
        job_id: The job's id, a hyphen and the number of the image, from 0.
        html: The element, ready to paste.
        sources: The encodings, the best first.
        sizes: HTML's attribute `sizes`.
        src: The file for browsers that know none of the encodings, the largest one.
        width: Its pixels.
        height: Its pixels.
        thumbhash: The ThumbHash of that file in base64, if `placeholder` was asked for.
        main_colour: Its main colour as `#rrggbb`, if `placeholder` was asked for.
    """

    job_id: str
    name: str
    html: str
    sources: list[PictureSourceBody]
    sizes: str
    src: str
    width: Pixels
    height: Pixels
    thumbhash: NotRequired[str]
    main_colour: NotRequired[str]


class PicturesBody(TypedDict):
    """A page of pictures: of the images that have results which browsers show.

    Attributes:
        next_cursor: The `cursor` of the next page; null on the last.
    """

    job_id: str
    pictures: list[PictureBody]
    next_cursor: str | None


def read_options(reader: Reader) -> PictureOptions:
    """Return what a query asks for; faults go to the reader."""
    shape = "the beginning of a URL, without blanks, quotes and commas"
    base = reader.text("base", 500, pattern=BASE_PATTERN, shape=shape) or ""
    return PictureOptions(base, reader.text("sizes", 500) or "100vw")


def picture_bodies(
    job: ImageJob, found: Iterable[IndexedOutcome], options: PictureOptions, links: Links
) -> list[PictureBody]:
    """Return the pictures of some images; images without results for browsers have none."""
    bodies = []
    for index, outcome in found:
        name = (outcome.name if outcome else "") or job.item_name(index)
        known = [each for each in (outcome.outputs if outcome else ()) if each.format in FALLBACKS]
        outputs = _one_shape(known)
        if outputs:
            address = _address(job, name, index, options, links)
            identifier = names.sub_job_id(job.key.name, index)
            bodies.append(_body(identifier, name, outputs, options.sizes, address))
    return bodies


def _address(
    job: ImageJob, name: str, index: int, options: PictureOptions, links: Links
) -> Callable[[OutputFile], str]:
    if not options.base:
        return lambda output: links.sign(name, index, output)
    base, prefixes = options.base.rstrip("/"), [f"{each.rstrip('/')}/" for each in job.prefixes]

    def below_base(output: OutputFile) -> str:
        prefix = next((each for each in prefixes if output.key.startswith(each)), "")
        return f"{base}/{quote(output.key[len(prefix) :])}"

    return below_base


def _one_shape(outputs: list[OutputFile]) -> list[OutputFile]:
    if not outputs:
        return []
    largest = max(outputs, key=lambda each: each.width * each.height)
    ratio = largest.width / largest.height
    return [each for each in outputs if abs(each.width / each.height / ratio - 1) <= SAME_RATIO]


def _body(
    identifier: str,
    name: str,
    outputs: list[OutputFile],
    sizes: str,
    address: Callable[[OutputFile], str],
) -> PictureBody:
    form = min({each.format for each in outputs}, key=FALLBACKS.index)
    fallback = max((each for each in outputs if each.format is form), key=lambda each: each.width)
    forms = [each for each in (*BEST_FIRST, form) if any(output.format is each for output in outputs)]
    sources: list[PictureSourceBody] = [
        {"type": each.content_type, "srcset": _srcset(outputs, each, address)}
        for each in dict.fromkeys(forms)
    ]
    body: PictureBody = {
        "job_id": identifier,
        "name": name,
        "html": "",
        "sources": sources,
        "sizes": sizes,
        "src": address(fallback),
        "width": fallback.width,
        "height": fallback.height,
        **placeholder_body(fallback),
    }
    return body | {"html": _html(body)}


def _srcset(outputs: list[OutputFile], form: Format, address: Callable[[OutputFile], str]) -> str:
    by_width = {each.width: each for each in outputs if each.format is form}
    return ", ".join(f"{address(by_width[width])} {width}w" for width in sorted(by_width))


def _html(body: PictureBody) -> str:
    def attributes(**values: object) -> str:
        return " ".join(
            f'{name.replace("_", "-")}="{html.escape(str(value))}"' for name, value in values.items()
        )

    alt = output_names.strip_extension(body["name"])
    size = {"width": body["width"], "height": body["height"]}
    sources = [
        f"  <source {attributes(type=each['type'], srcset=each['srcset'], sizes=body['sizes'])}>"
        for each in body["sources"]
    ]
    # Data, and no style: a strict Content-Security-Policy forbids styles in elements.
    known = {"data_thumbhash": body.get("thumbhash"), "data_main_colour": body.get("main_colour")}
    data = {name: value for name, value in known.items() if value}
    lazy = {"loading": "lazy", "decoding": "async"}
    image = f"  <img {attributes(src=body['src'], **size, alt=alt, **lazy, **data)}>"
    return "\n".join(["<picture>", *sources, image, "</picture>"])
