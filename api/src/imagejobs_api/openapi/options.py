"""The options of the calls that take images: schemas from the code that reads them, with descriptions."""

from collections.abc import Iterable

from imagejobs_api.openapi.request_schema import Schema, add_descriptions, record_schemas
from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.settings import Settings
from imagejobs_api.submit.build import read_name_and_callback
from imagejobs_api.submit.callback_url import FIELD as CALLBACK
from imagejobs_api.submit.callback_url import CallbackUrls
from imagejobs_api.submit.forms import PRESET, VARIANTS, Form
from imagejobs_contract.model import limits
from imagejobs_contract.model.options import (
    AUTO,
    DEFAULT_QUALITY,
    FULL_SUBSAMPLING_QUALITY,
    HAVE_SUBSAMPLING,
    LOSSY,
    NAMES,
    ChromaSubsampling,
    Fit,
    Format,
    MaxSizeBy,
    read_variant,
)
from imagejobs_contract.outbound.guard import AddressGuard

DESCRIPTIONS = {
    "width": "The width in pixels. Without it the width follows from the height; without both, the size of "
    "the source is kept.",
    "height": "The height in pixels. Without it the height follows from the width.",
    "fit": "How the image fits into width and height. `inside` and `outside` keep the whole image, `cover` "
    "cuts, `contain` adds borders, `fill` distorts. The last three need width and height.",
    "gravity": "The part that remains when the image is cut. `face` finds faces; `entropy` finds the part "
    "with the most detail.",
    "no_face": "How `gravity=face` treats an image without a face: fail with `no_face_found`, or crop "
    "to the centre.",
    "enlarge": "Allows a result larger than the source.",
    "format": "The encoding of the result. The default is that of the source (JPEG or PNG for HEIC and BMP). "
    f"`{AUTO}` makes the smallest file of AVIF and WebP, as far as `Accept` names them, and the source's own."
    " `jpg`, `tif`, media types such as `image/webp`, and capitals are understood too.",
    "quality": f"The quality of JPEG, WebP and AVIF. The default is {DEFAULT_QUALITY}.",
    "max_size": "The largest size of the result, in bytes or as `200kB`, `1.5MB`, `1MiB`.",
    "max_size_by": "The property that is reduced to reach `max_size`: the quality, the colours of a still "
    "PNG, or the pixels.",
    "background": "A colour as `rrggbb`, `rgb`, `rgb(255,0,0)` or a CSS name. It replaces transparency, "
    "and fills the borders of `contain`. `transparent` is the same as none.",
    "keep_metadata": "Keeps EXIF, GPS, XMP, IPTC and the resolution, which are otherwise removed, as far as "
    "they are true of the result. `all` and `none` are other words for true and false; `copyright` keeps "
    "only the by-line and the rights, like `keep_copyright`.",
    "keep_copyright": "Keeps the by-line, the copyright notice, the credit and the terms of use, and nothing "
    "of places, times and devices.",
    "frames": "The number of frames to keep of an animation. The default is all.",
    "only_if_smaller": "Uses the original file if the result would not have fewer bytes and the original "
    "is all that the other options ask for: size, format, frames, background, upright, sRGB, and no metadata "
    "unless `keep_metadata`. `kept_original` says that it was used.",
    "smallest_format": "Uses WebP instead of AVIF, or the source's own format, if that makes the smaller "
    "file. `max_size` leaves the format as it is.",
    "lossless": "Keeps every pixel in a WebP; in an AVIF each value within 3 of 255.",
    "chroma_subsampling": "How finely a JPEG or an AVIF stores colour: `4:4:4` for each pixel, `4:2:0` once "
    f"for four. `auto` stores it for each pixel from a quality of {FULL_SUBSAMPLING_QUALITY} on.",
    "placeholder": "Tells the ThumbHash and the main colour of the result beside it: a page shows them until "
    "the picture comes.",
    "name": "The file name of the result. The default is the name of the upload, or the last part of the "
    "URL's path.",
    VARIANTS: "Several results of each image, up to 16: a list in JSON, each with a `name` and options "
    "of its own (except `format=auto`). No other option goes beside it.",
    PRESET: "The name of a set of variants, of those that `GET /api/presets` lists. No other option goes "
    "beside it.",
    CALLBACK: "An http(s) URL that gets one signed POST when the job has ended.",
}
_NEED_BOTH_SIDES = (Fit.COVER, Fit.CONTAIN, Fit.FILL)


JSON_VARIANTS = "variants-json"
"""Format of a text that is a list of variants in JSON."""


def option_schemas(settings: Settings, presets: Presets, variant: Schema) -> dict[str, Schema]:
    """Return the schema of every option of a form, by its name.

    Args:
        variant: The schema of a variant.
    """
    callbacks = CallbackUrls(AddressGuard(settings.callbacks), signed=True)
    found = record_schemas(lambda reader: read_variant(reader, camel=False))
    found |= record_schemas(lambda reader: read_name_and_callback(reader, callbacks))
    found[VARIANTS] = {
        "type": "string",
        "format": JSON_VARIANTS,
        "contentMediaType": "application/json",
        "contentSchema": list_of_variants(variant),
    }
    if presets.by_name:
        found[PRESET] = preset_names(presets)
    found["format"]["enum"].append(AUTO)
    found[CALLBACK]["format"] = "uri"
    if not (settings.callbacks_signed or settings.callers_secrets):
        del found[CALLBACK]  # without a secret no callback is sent
    return add_descriptions(
        {name: found[name] for name in (*NAMES, VARIANTS, PRESET, "name", CALLBACK) if name in found},
        DESCRIPTIONS,
    )


def list_of_variants(variant: Schema) -> Schema:
    """Return the schema of a list of variants."""
    return {"type": "array", "minItems": 1, "maxItems": limits.MAX_VARIANTS, "items": variant}


def preset_names(presets: Presets) -> Schema:
    """Return the schema of the name of a preset."""
    return {"type": "string", "enum": list(presets.by_name)}


def fields_of(form: Form, options: dict[str, Schema], images: dict[str, Schema]) -> Schema:
    """Return the schema of a form.

    Args:
        form: The form of the call.
        options: The schemas of all options.
        images: Field -> schema of the fields with the images; all of them are required.
    """
    taken = {name: schema for name, schema in options.items() if name in form.option_fields}
    schema = {
        "type": "object",
        "properties": {**images, **taken},
        "required": [*images, *form.required],
        "additionalProperties": False,
    }
    rules = _contradictions() | {VARIANTS: _without(VARIANTS, taken), PRESET: _without(PRESET, taken)}
    contradictions = {name: rule for name, rule in rules.items() if name in taken}
    return schema | {"dependentSchemas": contradictions}


def _contradictions() -> dict[str, Schema]:
    """Return the options that an option depends on, as `contract.options` checks them."""
    needs_both = {"required": ["width", "height"]}
    other_means = [each for each in MaxSizeBy if each is not MaxSizeBy.QUALITY]
    return {
        "fit": _either(_one_of("fit", [each for each in Fit if each not in _NEED_BOTH_SIDES]), needs_both),
        "max_size": _either(
            _one_of("format", [*sorted(LOSSY), AUTO]),
            {**_one_of("max_size_by", other_means), "required": ["max_size_by"]},
        ),
        "lossless": _either(
            {"properties": {"lossless": {"enum": [False, "false", "0", "no", "off"]}}},
            {
                **_one_of("format", [*(each for each in Format if each is not Format.JPEG), AUTO]),
                "anyOf": [
                    {"properties": {"max_size": {"not": {}}}},
                    {**_one_of("max_size_by", other_means), "required": ["max_size_by"]},
                ],
            },
        ),
        "chroma_subsampling": _either(
            _one_of("chroma_subsampling", [ChromaSubsampling.AUTO]),
            _one_of("format", [*sorted(HAVE_SUBSAMPLING), AUTO]),
        ),
        "max_size_by": {
            "allOf": [
                _either(_one_of("max_size_by", [MaxSizeBy.QUALITY]), {"required": ["max_size"]}),
                _either(
                    _one_of("max_size_by", [MaxSizeBy.QUALITY, MaxSizeBy.SCALE]),
                    _one_of("format", [Format.PNG, AUTO]),
                ),
            ]
        },
    }


def _without(name: str, taken: Iterable[str]) -> Schema:
    """Return a schema that forbids every option that goes without this one."""
    others = [each for each in (*NAMES, VARIANTS, PRESET) if each in taken and each != name]
    return {"properties": {other: {"not": {}} for other in others}}


def _either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def _one_of(option: str, words: Iterable[str]) -> Schema:
    """Return a schema for an option that is one of these words, or missing."""
    return {"properties": {option: {"enum": [str(each) for each in words]}}}
