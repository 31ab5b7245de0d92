"""What beside its images a call may be given: the options, from the code that reads them, and what each means."""

from collections.abc import Iterable

from imagejobs_api.openapi.request_schema import Schema, add_descriptions, record_schemas
from imagejobs_api.settings import Settings
from imagejobs_api.submit.build import read_fields
from imagejobs_api.submit.callback_url import FIELD as CALLBACK
from imagejobs_api.submit.callback_url import Callbacks
from imagejobs_api.submit.forms import Form
from imagejobs_contract.model.options import AUTO, DEFAULT_QUALITY, LOSSY, NAMES, Fit, Format, MaxSizeBy
from imagejobs_contract.outbound.guard import AddressGuard

DESCRIPTIONS = {
    "width": "Pixels; without it the height decides, without both the source's own.",
    "height": "Pixels; without it the width decides.",
    "fit": "How the image is made to fit: `inside` and `outside` keep all of it, `cover` cuts, `contain` pads, `fill` distorts. "
    "The last three need width and height.",
    "gravity": "What stays when the image is cut; `face` looks for faces, `entropy` for where most is to be seen.",
    "no_face": "What `gravity=face` does without a face: fails with `no_face_found`, or takes the centre.",
    "enlarge": "Lets the result be larger than the source.",
    "format": f"The result's encoding; without it the source's own (HEIC and BMP become JPEG or PNG). `{AUTO}`: AVIF or WebP if `Accept` names them.",
    "quality": f"Of JPEG, WebP and AVIF; {DEFAULT_QUALITY} without it.",
    "max_size": "The largest result, in bytes or as `200kB`, `1.5MB`, `1MiB`.",
    "max_size_by": "What is given up for `max_size`: quality, colours of a still PNG, or pixels.",
    "background": "A colour as `rrggbb`, put under transparency and around `contain`.",
    "keep_metadata": "Keeps EXIF, GPS and XMP, which are removed otherwise.",
    "frames": "Frames kept of an animation; all without it.",
    "only_if_smaller": "Takes the original as it is, with its metadata and its size in pixels, where the result would not be smaller.",
    "name": "The result's file name; without it the upload's own, or the last part of the URL's path.",
    CALLBACK: "An http(s) URL that gets one signed POST when the job has ended.",
}
_NEED_BOTH_SIDES = (Fit.COVER, Fit.CONTAIN, Fit.FILL)


def option_schemas(settings: Settings) -> dict[str, Schema]:
    """Return every option by its name."""
    callbacks = Callbacks(AddressGuard(settings.callbacks), signed=True)
    found = record_schemas(lambda reader: read_fields(reader, callbacks))
    found["format"]["enum"].append(AUTO)
    found[CALLBACK]["format"] = "uri"
    if not (settings.callbacks_signed or settings.callers_secrets):
        del found[CALLBACK]  # nobody could deliver it
    return add_descriptions(
        {name: found[name] for name in (*NAMES, "name", CALLBACK) if name in found}, DESCRIPTIONS
    )


def fields_of(form: Form, options: dict[str, Schema], images: dict[str, Schema]) -> Schema:
    """Return the schema of what a form holds.

    Args:
        form: Of the call.
        options: All there are.
        images: Field -> schema of what holds the images; all of them are needed.
    """
    taken = {name: schema for name, schema in options.items() if name in form.option_fields}
    schema = {
        "type": "object",
        "properties": {**images, **taken},
        "required": [*images, *form.required],
        "additionalProperties": False,
    }
    contradictions = {name: rule for name, rule in _contradictions().items() if name in taken}
    return schema | {"dependentSchemas": contradictions}


def _contradictions() -> dict[str, Schema]:
    """Return what an option needs beside it, as `contract.options` checks it."""
    needs_both = {"required": ["width", "height"]}
    other_means = [each for each in MaxSizeBy if each is not MaxSizeBy.QUALITY]
    return {
        "fit": _either(_one_of("fit", [each for each in Fit if each not in _NEED_BOTH_SIDES]), needs_both),
        "max_size": _either(
            _one_of("format", [*sorted(LOSSY), AUTO]),
            {**_one_of("max_size_by", other_means), "required": ["max_size_by"]},
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


def _either(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def _one_of(option: str, words: Iterable[str]) -> Schema:
    """Return a schema that an option is one of these, or not given."""
    return {"properties": {option: {"enum": [str(each) for each in words]}}}
