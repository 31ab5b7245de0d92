"""Writes docs/errors.md from the contract's codes. `--check` only compares."""

import sys
from collections.abc import Sequence
from pathlib import Path

from imagejobs_contract.codes import MEANINGS, OF_A_REQUEST, OF_AN_IMAGE, Code

PAGE = Path(__file__).resolve().parent.parent / "docs" / "errors.md"
HEAD = """\
# Errors

`make docs` writes this page from `imagejobs_contract.codes`: do not edit it.

Every error is `application/problem+json` (RFC 9457): branch on `code`, show `detail`, and look into
`errors` for each fault.

```json
{
  "type": "urn:imagejobs:error:invalid_options",
  "title": "Some options are unknown, malformed or contradictory.",
  "status": 400,
  "detail": "Some options are unknown, malformed or contradictory.",
  "code": "invalid_options",
  "advice": "Change the fields that errors names.",
  "retryable": false,
  "errors": [{"where": "quality", "what": "'0' is not a whole number from 1 to 100"}]
}
```

`job_id` is there when the error is a job's. Answers with 429 and 503 carry `Retry-After` in seconds. Inside
other answers (progress, entries of a batch) an image's error is `{"code", "message", "advice", "retryable"}`,
or null. Codes never change their meaning; texts may. `advice` says what to do, for people.

"Again?" says whether the same request may succeed later.
"""


def page() -> str:
    """Return the whole page."""
    return f"{HEAD}\n## Of an image\n\n{_table(OF_AN_IMAGE)}\n## Of a request\n\n{_table(OF_A_REQUEST)}"


def _table(codes: Sequence[Code]) -> str:
    rows = ["| code | status | again? | meaning | what to do |", "|---|---|---|---|---|"]
    for code in codes:
        status, retryable, sentence, advice = MEANINGS[code]
        rows.append(f"| `{code}` | {status} | {'yes' if retryable else 'no'} | {sentence} | {advice} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    """Write or check the page."""
    if sys.argv[1:] != ["--check"]:
        PAGE.write_text(page())
    elif PAGE.read_text() != page():
        raise SystemExit(f"{PAGE.name} is out of date: run python {Path(__file__).name}")


if __name__ == "__main__":
    main()
