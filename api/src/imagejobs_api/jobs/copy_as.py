"""A job as something to paste: a call with curl, our own command, a Python program, an ImageJob. Pure.

Names and URLs come from strangers: each text is quoted for the language that it is put into.
"""

import json
import pprint
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

import yaml

from imagejobs_api.view.spec_view import variant_body
from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.options import DEFAULT_VARIANT
from imagejobs_contract.model.spec import Spec, with_distinct_names
from imagejobs_contract.model.spec_json import spec_body
from imagejobs_contract.wire import file_names

COMMANDS = ("retryFailed", "retryCodes", "repeatCallback", "suspend", "cancel")
"""Fields of a spec that were asked for later, and are not repeated."""
KEY_VARIABLE = "IMAGEJOBS_KEY"
OWN_LIST = "The list of images of this job is its own: name yours, or give prefix or items instead."
NO_COMMAND = "imagejobs resize sends files and addresses, and nothing of this job but options. With curl:"
OWN_UPLOADS = "The uploads of this job go with it: put the files into the bucket, and name their keys."
_CAPITAL = re.compile("[A-Z]")


class CopyAs(StrEnum):
    """The form of a job that is to be pasted."""

    CURL = "curl"
    CLI = "cli"
    PYTHON = "python"
    YAML = "yaml"


def render(job: ImageJob, form: CopyAs, base: str, *, with_keys: bool) -> str:
    """Return the text that makes a job like this one.

    Args:
        base: The result of `Links.base_url`.
        with_keys: Whether calls need an API key.
    """
    if form is CopyAs.YAML:
        return _as_yaml(job)
    write = {CopyAs.CURL: _as_curl, CopyAs.CLI: _as_command, CopyAs.PYTHON: _as_python}[form]
    return write(job, base, with_keys)


def _as_curl(job: ImageJob, base: str, with_keys: bool) -> str:
    words = ["curl"]
    if with_keys:
        words.append(f'-H "Authorization: Bearer ${KEY_VARIABLE}"')
    if _has_uploads(job):
        call, field, options = _form(job)
        files = [f"-F {shlex.quote(f'{field}=@{_quote_for_curl(each.name)}')}" for each in job.spec.items]
        # --form-string, because a value that begins with @ or < would be read from a file.
        texts = [f"--form-string {shlex.quote(f'{name}={value}')}" for name, value in options.items()]
        words += [*files, *texts, shlex.quote(f"{base}/api/{call}")]
    else:
        body = json.dumps(_job_body(job), ensure_ascii=False)
        words += [f"--json {shlex.quote(body)}", shlex.quote(f"{base}/api/jobs")]
    note = f"# {OWN_LIST}\n" if job.spec.manifest else ""
    return note + " \\\n  ".join(words) + "\n"


def _as_command(job: ImageJob, base: str, with_keys: bool) -> str:
    sources = [each.name if _has_uploads(job) else each.url or "" for each in job.spec.items]
    if not _has_uploads(job) and not _is_of_urls(job):
        return f"# {NO_COMMAND}\n{_as_curl(job, base, with_keys)}"
    options = _form(job)[2]
    words = [
        f"imagejobs resize --url {shlex.quote(base)}",
        *(f"-o {shlex.quote(f'{name}={value}')}" for name, value in options.items()),
        # A name may begin with a hyphen.
        " ".join(["--", *map(shlex.quote, sources)]),
    ]
    note = f"# The key comes from {KEY_VARIABLE}.\n" if with_keys else ""
    return note + " \\\n  ".join(words) + "\n"


def _is_of_urls(job: ImageJob) -> bool:
    """Return whether `POST /api/upload-from-url` makes this job: addresses, options, and nothing else."""
    plain = replace(
        Spec(),
        items=tuple(Item(file_names.from_url(each.url or ""), None, each.url) for each in job.spec.items),
        variants=job.spec.variants,
        callback_url=job.spec.callback_url,
        active_deadline_seconds=job.spec.active_deadline_seconds,
    )
    has_urls = bool(job.spec.items) and all(each.url for each in job.spec.items)
    return has_urls and replace(plain, items=with_distinct_names(plain.items)) == job.spec


def _as_python(job: ImageJob, base: str, with_keys: bool) -> str:
    headers = f'{{"Authorization": "Bearer " + environ["{KEY_VARIABLE}"]}}' if with_keys else "{}"
    imports = ["from os import environ"] if with_keys else []
    if _has_uploads(job):
        call, field, options = _form(job)
        imports.append("from pathlib import Path")
        request = [
            f"files = {_literal([each.name for each in job.spec.items])}",
            f"options = {_literal(options)}",
            f'parts = [("{field}", (name, Path(name).read_bytes())) for name in files]',
        ]
        sent = f'"/api/{call}", files=parts, data=options'
    else:
        request = [*([f"# {OWN_LIST}"] if job.spec.manifest else []), f"body = {_literal(_job_body(job))}"]
        sent = '"/api/jobs", json=body'
    lines = [
        *([*imports, ""] if imports else []),
        "import httpx2",
        "",
        *request,
        f"with httpx2.Client(base_url={base!r}, headers={headers}, timeout=70) as api:",
        f'    answer = api.post({sent}, headers={{"Prefer": "wait=60"}})',
        "print(answer.raise_for_status().json())",
    ]
    return "\n".join(lines) + "\n"


def _as_yaml(job: ImageJob) -> str:
    note = f"# {OWN_LIST}\n" if job.spec.manifest else f"# {OWN_UPLOADS}\n" if _has_uploads(job) else ""
    title = job.annotations.get(names.ANNOTATION_TITLE)
    metadata: dict[str, Any] = {"generateName": "imagejob-"}
    if title:
        metadata["annotations"] = {names.ANNOTATION_TITLE: title}
    body = {
        "apiVersion": f"{names.GROUP}/{names.VERSION}",
        "kind": names.KIND,
        "metadata": metadata,
        "spec": _spec(job),
    }
    text: str = yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=100)
    return f"{note}# kubectl create -f -\n{text}"


def _has_uploads(job: ImageJob) -> bool:
    """Return whether the images came as files of a form."""
    uploads = job.annotations.get(names.ANNOTATION_UPLOADS, "")
    return bool(uploads) and all((each.key or "").startswith(uploads) for each in job.spec.items)


def _form(job: ImageJob) -> tuple[str, str, dict[str, str]]:
    """Return the call, the field of its files, and its other fields."""
    single, variants = job.spec.total == 1, job.spec.variants
    if len(variants) == 1 and variants[0].name == DEFAULT_VARIANT:
        options = {
            name: _as_text(value) for name, value in variant_body(variants[0]).items() if name != "name"
        }
    else:
        options = {"variants": json.dumps([variant_body(each) for each in variants])}
    if job.spec.callback_url:
        options["callback"] = job.spec.callback_url
    return ("resize", "image", options) if single else ("batch", "images[]", options)


def _job_body(job: ImageJob) -> dict[str, Any]:
    body: dict[str, Any] = _snake(_spec(job))
    title = job.annotations.get(names.ANNOTATION_TITLE)
    return {"name": title, **body} if title else body


def _spec(job: ImageJob) -> dict[str, Any]:
    body = {name: value for name, value in spec_body(job.spec).items() if name not in COMMANDS}
    if job.spec.manifest:
        body["manifest"] = {"key": "lists/images.jsonl", "count": job.spec.manifest.count}
    return body


def _snake(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            _CAPITAL.sub(lambda found: f"_{found[0].lower()}", name): _snake(each)
            for name, each in value.items()
        }
    return [_snake(each) for each in value] if isinstance(value, list) else value


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quote_for_curl(name: str) -> str:
    """Return a file name as curl's -F reads it: in quotes, where a comma or a semicolon means nothing."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _literal(value: object) -> str:
    return pprint.pformat(value, width=100, sort_dicts=False)
