"""What helm prints after an install: commands about objects that are there.

The e2e suite runs them as printed.
"""

import re
import shlex

import pytest

from support.cluster import chart_render
from support.cluster.chart_render import CASES, CHART, case, render


def notes(name):
    run = chart_render.helm(
        "install", "imagejobs", str(CHART), "--namespace", "pictures", "--dry-run=client", *case(name)
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.partition("\nNOTES:\n")[2]


@pytest.mark.parametrize("name", CASES)
def test_printed_commands_name_objects_that_are_there(name):
    there = {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in render(*case(name))}
    words = [word for line in notes(name).splitlines() if line.startswith("  ") for word in shlex.split(line)]
    named = [word for word in words if re.fullmatch(r"(service|deployment)/.+", word)]
    assert named
    assert set(named) <= there


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("dev", "loses its images with its pod", id="what a try-out does not keep"),
        pytest.param("everything", "in their own namespace", id="what other namespaces need"),
    ],
)
def test_what_one_should_know_is_printed(name, told):
    assert told in notes(name)
