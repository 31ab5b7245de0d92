"""One control plane for all tests of this folder, and a namespace for each."""

from collections.abc import Iterator

import pytest

from support.cluster.client import ControlPlane
from support.cluster.control_plane import running_for_tests


@pytest.fixture(scope="session")
def controlplane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Start etcd, kube-apiserver and kube-controller-manager with the CRD installed."""
    with running_for_tests(tmp_path_factory.mktemp("controlplane")) as plane:
        yield plane


@pytest.fixture
def namespace(controlplane: ControlPlane) -> Iterator[str]:
    """Make a fresh namespace, and have it removed with all that is in it."""
    name = controlplane.new_namespace()
    yield name
    controlplane.request("DELETE", f"/api/v1/namespaces/{name}")
