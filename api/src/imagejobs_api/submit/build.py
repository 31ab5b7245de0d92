"""From a received form to its ImageJob. Pure; every fault of the form is reported at once."""

import math
from dataclasses import replace
from typing import Any

from imagejobs_api.http.accept import named_formats
from imagejobs_api.http.errors import Problem
from imagejobs_api.presets.presets_file import Presets
from imagejobs_api.submit import variant_fields
from imagejobs_api.submit.callback_url import CallbackUrls
from imagejobs_api.submit.forms import PRESET, VARIANTS, Form, ReceivedForm
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Fault, Invalid
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.options import AUTO, NAME_HINTS, Format, Variant, read_variant
from imagejobs_contract.model.spec import DeletionPolicy, Spec, with_distinct_names
from imagejobs_contract.reader import Reader
from imagejobs_contract.wire import file_names, s3_keys, source_prefixes

MAX_NAME_CHARS = 200
SAMPLE_SECONDS_KEPT = 300
"""After a sample's end: time to look at its result, and to go on looking at it while another is made."""
SAMPLE_SECONDS = 60
"""The longest that a sample may take; a longer one helps nobody to choose."""


def build_job(
    key: JobKey,
    received: ReceivedForm,
    form: Form,
    accept: str | None,
    limits: Limits,
    callbacks: CallbackUrls,
    presets: Presets,
) -> ImageJob:
    """Return the job of a form.

    Args:
        accept: The request's `Accept`, which decides `format=auto`.

    Raises:
        Invalid: With every fault of the form.
        Problem: There is no image, or every image was refused.
    """
    variants, name, callback = _read_options(received, form, accept, callbacks, presets)
    _check_images(received, form)
    items = [Item(name or source.name, source.key, source.url) for source in received.sources]
    seconds = math.ceil(limits.job_seconds)
    spec = Spec(
        items=with_distinct_names(items),
        variants=variants,
        active_deadline_seconds=seconds,
        callback_url=callback,
    )
    job = ImageJob(key, spec, annotations=_annotations(received))
    return _as_sample(job) if form.is_sample else job


def _as_sample(job: ImageJob) -> ImageJob:
    """Return the job as one that ends soon, and is deleted soon after with all that it made."""
    spec = replace(
        job.spec,
        output=replace(job.spec.output, deletion_policy=DeletionPolicy.DELETE),
        active_deadline_seconds=SAMPLE_SECONDS,
        ttl_seconds_after_finished=SAMPLE_SECONDS_KEPT,
    )
    return replace(job, spec=spec, labels={**job.labels, names.LABEL_SAMPLE: "true"})


def _annotations(received: ReceivedForm) -> dict[str, str]:
    """Return what only the API may say: the uploads that belong to the job, and that it reads no others."""
    uploads = s3_keys.uploads(received.upload_id) if received.upload_id else ""
    sources = source_prefixes.format_annotation(list(filter(None, [uploads, received.earlier_prefix])))
    found = {names.ANNOTATION_UPLOADS: uploads, names.ANNOTATION_SOURCES: sources}
    return {name: value for name, value in found.items() if value}


def _read_options(
    received: ReceivedForm, form: Form, accept: str | None, callbacks: CallbackUrls, presets: Presets
) -> tuple[tuple[Variant, ...], str, str | None]:
    options: dict[str, Any] = dict(received.options)
    if str(options.get("format")).strip().lower() == AUTO:
        options |= _choose_formats(named_formats(accept))
    chosen = {name: value for name, value in options.items() if name not in form.fixed}
    reader = Reader(chosen, "", received.faults)
    reader.unknown(form.option_fields, NAME_HINTS)
    for name in [each for each in form.fixed if each in options]:
        reader.fault(name, f"is always {form.fixed[name]} here; /api/resize lets you choose")
    for name in [each for each in form.required if not reader.has(each)]:
        reader.fault(name, "is missing")
    name, callback = read_name_and_callback(reader, callbacks)
    variants = variant_fields.read_variants(reader, presets, received.options)
    if variants or reader.has(VARIANTS) or reader.has(PRESET):
        return variants, file_names.clean(name), callback
    # The values of `fixed` are enums of the fields that they name, which the type of the mapping does not
    # say.
    fixed = replace(read_variant(reader, camel=False), **form.fixed)  # type: ignore[arg-type]
    return (fixed,), file_names.clean(name), callback


def _choose_formats(named: tuple[Format, ...]) -> dict[str, Any]:
    """Return the options that mean `format=auto` for a client that shows these formats beside the usual ones.

    A smaller WebP may only replace an AVIF for one that shows both.
    """
    if not named:
        return {"format": None}
    return {"format": named[0], "smallest_format": named != (Format.AVIF,)}


def read_name_and_callback(reader: Reader, callbacks: CallbackUrls) -> tuple[str, str | None]:
    """Read the fields of a form beside images and options: the name of the result, the callback URL."""
    return reader.text("name", MAX_NAME_CHARS) or "", callbacks.read(reader)


def _check_images(received: ReceivedForm, form: Form) -> None:
    if not received.sources:
        advice = "give the URL of the image" if form.takes_urls else "send the image as a file in this field"
        missing = Fault(form.file_fields[0], f"is missing: {advice}")
        if received.faults:
            raise Invalid([*received.faults, missing])
        raise Problem(Code.MISSING_IMAGE, faults=[missing])
    if received.faults:
        raise Invalid(received.faults)
    refusals = [source.refusal for source in received.sources if source.refusal]
    if len(refusals) == len(received.sources):
        if form.takes_urls:
            raise Invalid(_refusal_faults(received))  # 400: the request alone shows it; no network was asked
        raise Problem(refusals[0].code, refusals[0].message, faults=_refusal_faults(received))


def _refusal_faults(received: ReceivedForm) -> list[Fault]:
    refused = [(source, source.refusal) for source in received.sources if source.refusal]
    return [
        Fault(source.where, f"{source.name or source.url or 'file'}: {refusal.message}")
        for source, refusal in refused
    ]
