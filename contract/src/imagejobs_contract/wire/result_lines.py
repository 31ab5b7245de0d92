"""The file `results/<shard>.jsonl` in S3: one outcome a line, written by the worker and the operator.

Its largest size is `shards.MAX_RESULTS_BYTES`, in a module that a pod loads before this one.
"""

from collections.abc import Iterable

from imagejobs_contract.model.outcome import Outcome

CONTENT_TYPE = "application/x-ndjson"


def read_lines(data: bytes) -> dict[int, Outcome]:
    """Return the outcomes by index.

    The later of two lines for one image counts. A line that was cut, or that is not ours, is left out.
    """
    found: dict[int, Outcome] = {}
    for line in data.splitlines():
        try:
            outcome = Outcome.from_line(line)
        except ValueError:
            continue
        found[outcome.index] = outcome
    return found


def write_lines(outcomes: Iterable[Outcome]) -> bytes:
    """Return the outcomes as lines, in the order of their indexes."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.index)
    return "".join(f"{outcome.to_line()}\n" for outcome in ordered).encode()
