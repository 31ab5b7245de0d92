"""The errors' page and the code say the same."""

import subprocess
import sys
from pathlib import Path

import pytest

from imagejobs_api.http.error_handlers import as_problem
from imagejobs_api.http.errors import Problem, problem_body
from imagejobs_contract.codes import MEANINGS, Code
from imagejobs_contract.errors import Fault, ImageFailed, Invalid, Misconfigured, Unavailable

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_of_errors_is_up_to_date():
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "error_docs.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("code", Code)
def test_every_code_makes_a_whole_problem(code):
    body = problem_body(Problem(code))
    assert (body["code"], body["status"], body["retryable"]) == (
        code.value,
        MEANINGS[code].http_status,
        MEANINGS[code].retryable,
    )
    assert body["title"] == body["detail"] == MEANINGS[code].sentence


@pytest.mark.parametrize(
    "error", [Unavailable("redis://secret@10.0.0.1"), Misconfigured("AKIA123 was refused")]
)
def test_what_an_outside_system_said_is_not_told_to_clients(error):
    assert error.message not in str(problem_body(as_problem(error)))


def test_what_was_written_for_clients_is_told():
    assert (
        problem_body(as_problem(ImageFailed("cut short", code=Code.CORRUPT_IMAGE)))["detail"] == "cut short"
    )
    assert problem_body(as_problem(Invalid([Fault("width", "is odd")])))["errors"] == [
        {"where": "width", "what": "is odd"}
    ]
