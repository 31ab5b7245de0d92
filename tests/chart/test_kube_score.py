"""kube-score finds nothing critical, but for what has a reason here."""

import shutil
import subprocess

import pytest

from support.cluster import chart_render
from support.cluster.chart_render import CHART, case

REASONS = {
    "--ignore-container-cpu-limit": "a limit throttles an image that could use an idle core; requests share the cores fairly, memory is bounded",
    "--ignore-test=container-image-pull-policy": "a version never moves, and Always would need the registry for every pod of a Job",
    "--ignore-test=networkpolicy-targets-pod": "the policy for Job pods is there before the operator makes them",
}
"""Option -> why the chart does not follow that check."""


@pytest.mark.skipif(
    shutil.which("kube-score") is None, reason="kube-score is compiled by `make test`, where Go is there"
)
@pytest.mark.parametrize("name", chart_render.CASES)
def test_kube_score_finds_nothing_critical(name):
    objects = chart_render.helm(
        "template", "imagejobs", str(CHART), "--namespace", "pictures", *case(name)
    ).stdout
    command = ["kube-score", "score", "--output-format", "ci", *REASONS, "-"]
    run = subprocess.run(command, input=objects, capture_output=True, text=True, timeout=60, check=False)
    assert "[OK]" in run.stdout
    assert [line for line in run.stdout.splitlines() if "[CRITICAL]" in line] == []
