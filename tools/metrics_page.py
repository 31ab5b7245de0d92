"""Writes docs/metrics.md from the programs' own metrics. `--check` only compares."""

import sys
from collections.abc import Iterable
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from imagejobs_api.ops.metrics import Metrics as ApiMetrics
from imagejobs_operator.metrics import Metrics as OperatorMetrics
from imagejobs_worker.metrics import Metrics as WorkerMetrics

PAGE = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"
PROGRAMS = {"API": ApiMetrics, "Operator": OperatorMetrics, "Worker": WorkerMetrics}
HEAD = """# Metrics

Each program serves its metrics for Prometheus at `http://<METRICS_LISTEN>/metrics`, a port of its own: off
unless `METRICS_LISTEN` is set, and never on the port that clients reach. Labels are bounded: routes by
their template, statuses by their class, error codes; never callers, jobs or addresses. Every program also
serves `imagejobs_build_info{program, version}` and the metrics of its process, `process_...` (CPU, memory,
descriptors).

`imagejobs local` counts up from the port: the API has the port of METRICS_LISTEN, the operator the next
one, then the workers. `make docs` writes this page.
"""


def main() -> int:
    """Write the page, or compare it with `--check`; return 1 if it is stale."""
    text = HEAD + "".join(
        f"\n## {program}\n\n{_table(vars(metrics()).values())}" for program, metrics in PROGRAMS.items()
    )
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text)
        return 0
    fresh = PAGE.exists() and PAGE.read_text() == text
    if not fresh:
        sys.stdout.write("docs/metrics.md is stale: run `make docs`\n")
    return 0 if fresh else 1


def _table(values: Iterable[object]) -> str:
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for each in values:
        if isinstance(each, MetricWrapperBase):
            (metric,) = each.describe()
            name = metric.name + ("_total" if metric.type == "counter" else "")
            labels = ", ".join(f"`{label}`" for label in each._labelnames)
            rows.append(f"| `{name}` | {metric.type} | {labels} | {metric.documentation} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())
