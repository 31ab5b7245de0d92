"""kube-score finds nothing critical, but for what has a reason here."""

import shutil
import subprocess

import pytest

from support.cluster import chart_render
from support.cluster.chart_render import CHART, case

REASONS = {
    "--ignore-container-cpu-limit": "a limit throttles an image while cores are idle; memory is bounded",
    "--ignore-test=container-image-pull-policy": "a version never moves; Always needs the registry often",
    "--ignore-test=networkpolicy-targets-pod": "the pods of Jobs are made later, by the operator",
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
