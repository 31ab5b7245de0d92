"""Results as CSV (RFC 4180), for spreadsheets: a line for each result, and one for an image without. Pure."""

import csv
import io
from collections.abc import Iterable

from imagejobs_api.jobs.result_body import ResultBody

CSV = "text/csv"
COLUMNS = (
    "job_id", "name", "state", "code", "message", "advice", "retryable", "bytes_in", "variant", "width",
    "height", "format", "bytes", "kept_original", "download_url",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Spreadsheets run a text that begins so (OWASP, "CSV injection"); file names come from strangers."""


def header_line() -> str:
    """Return the names of the columns."""
    return _join([COLUMNS])


def result_lines(results: Iterable[ResultBody]) -> str:
    """Return the lines of some results."""
    return _join(row for each in results for row in _rows(each))


def _rows(result: ResultBody) -> list[list[object]]:
    error = result["error"]
    image = [result["job_id"], _as_text(result["name"]), result["state"].value]
    why = ["", "", "", ""]
    if error:
        why = [error["code"].value, _as_text(error["message"]), error["advice"], _word(error["retryable"])]
    head = [*image, *why, "" if result["bytes_in"] is None else result["bytes_in"]]
    return [
        [
            *head, output["variant"], output["width"], output["height"], output["format"].value,
            output["bytes"], _word(output["kept_original"]), output["download_url"],
        ]
        for output in result["outputs"]
    ] or [[*head, *[""] * 7]]  # fmt: skip


def _as_text(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value


def _word(value: bool) -> str:
    return "true" if value else "false"


def _join(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
