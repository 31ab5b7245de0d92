"""One release on a real cluster for the whole suite.

Collected only with E2E=1: it takes minutes, and a cluster with our images in it.
"""

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from support.cluster import kind_cluster as e2e

collect_ignore_glob = [] if os.environ.get("E2E") else ["test_*.py"]
SECONDS = 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the time that pods need; the module that ends with an uninstall comes last."""
    items.sort(key=lambda item: item.path.name == "test_release.py")
    for item in items:
        if item.path.parent.name == "e2e":
            item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Put what the cluster says beside a failure."""
    report = yield
    if report.failed:
        for namespace in dict.fromkeys([e2e.NAMESPACE, getattr(item.module, "NAMESPACE", e2e.NAMESPACE)]):
            report.sections.append((f"namespace {namespace}", e2e.diagnosis(namespace)))
    return report


def fresh_namespace(name: str) -> None:
    subprocess.run(
        ["kubectl", "delete", "namespace", name, "--ignore-not-found", "--wait=true"], check=True, timeout=180
    )
    e2e.run("kubectl", "create", "namespace", name)
    e2e.run("kubectl", "label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")


@pytest.fixture(scope="session")
def release() -> str:
    """The chart, installed in a namespace that takes restricted pods only; it stays for inspection."""
    subprocess.run(
        ["kubectl", "delete", "imagejobs", "--all", "--all-namespaces", "--wait=false"],
        check=False,
        timeout=60,
    )
    fresh_namespace(e2e.NAMESPACE)
    e2e.helm("install", e2e.RELEASE, str(e2e.CHART), "--values", str(e2e.VALUES), "--wait", "--timeout", "4m")
    return e2e.RELEASE


@pytest.fixture(scope="session")
def s3(release: str) -> Any:
    """A client of the release's S3."""
    return e2e.storage()


@pytest.fixture
def namespace() -> Iterator[str]:
    """Another namespace that takes restricted pods only."""
    name = f"{e2e.NAMESPACE}-other"
    fresh_namespace(name)
    yield name
    subprocess.run(["kubectl", "delete", "namespace", name, "--wait=false"], check=False, timeout=60)


@pytest.fixture(scope="session")
def site(release: str) -> str:
    """The URL of a web server in the cluster with `bridge-2725x2225.jpg`; the release may fetch from it."""
    e2e.apply(*e2e.image_site({"bridge-2725x2225.jpg": e2e.photo()}))
    e2e.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "pod/images")
    url = f"http://images.{e2e.NAMESPACE}.svc"
    # A pod is ready before the node's rules lead a service's address to it.
    e2e.until(
        "the site can be reached from a worker", lambda: e2e.pool_reaches(f"{url}/bridge-2725x2225.jpg")
    )
    return url
