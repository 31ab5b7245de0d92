"""From a form that was received to the ImageJob that it asks for. Pure; every fault of a form is told at once."""

import math
from typing import Any

from imagejobs_api import filenames
from imagejobs_api.accept import best_format
from imagejobs_api.errors import Problem
from imagejobs_api.forms import Form, Received
from imagejobs_contract import imagejob, layout, names
from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Fault, Invalid
from imagejobs_contract.imagejob import ImageJob, Item, Spec
from imagejobs_contract.limits import Limits
from imagejobs_contract.names import JobKey
from imagejobs_contract.options import Variant, read_variant
from imagejobs_contract.reader import Reader

AUTO = "auto"


def build_job(key: JobKey, received: Received, form: Form, accept: str | None, limits: Limits) -> ImageJob:
    """Return the job that a form asks for. Pure.

    Raises:
        Invalid: With every fault of the form.
        Problem: There is no image, or none that can be taken.
    """
    variant, name = _read_options(received, form, accept)
    _check(received, form)
    items = [Item(name or file.name, file.key) for file in received.files]
    spec = Spec(items=imagejob.named(items), variants=(variant,), active_deadline_seconds=math.ceil(limits.job_seconds))
    return ImageJob(key, spec, annotations={names.ANNOTATION_UPLOADS: layout.uploads(key.name)})


def _read_options(received: Received, form: Form, accept: str | None) -> tuple[Variant, str]:
    options: dict[str, Any] = dict(received.options)
    if options.get("format") == AUTO:
        options["format"] = best_format(accept)
    reader = Reader(options, "", received.faults)
    reader.unknown(form.option_fields)
    return read_variant(reader, camel=False), filenames.clean(reader.text("name", 200) or "")


def _check(received: Received, form: Form) -> None:
    if not received.files:
        missing = Fault(form.file_fields[0], "is missing: send the image as a file in this field")
        if received.faults:
            raise Invalid([*received.faults, missing])
        raise Problem(Code.MISSING_IMAGE, faults=[missing])
    if received.faults:
        raise Invalid(received.faults)
    refusals = [file.refusal for file in received.files if file.refusal]
    if len(refusals) == len(received.files):
        raise Problem(refusals[0].code, refusals[0].message, faults=_refused(received, form))


def _refused(received: Received, form: Form) -> list[Fault]:
    single = form.max_files == 1
    return [
        Fault("image" if single else f"images[{n}]", f"{file.name or 'file'}: {file.refusal.message}")
        for n, file in enumerate(received.files)
        if file.refusal
    ]
