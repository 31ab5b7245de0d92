"""One control plane for all tests of this folder, and a namespace for each."""

import os
from collections.abc import Iterator

import pytest

from support.cluster.client import ControlPlane
from support.cluster.control_plane import ProgramsMissing, find_programs, running


@pytest.fixture(scope="session")
def controlplane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Start etcd, kube-apiserver and kube-controller-manager with the CRD installed."""
    try:
        programs = find_programs(os.environ)
    except ProgramsMissing as ex:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no control plane: {ex}")
    with running(programs, tmp_path_factory.mktemp("controlplane")) as plane:
        yield plane


@pytest.fixture
def namespace(controlplane: ControlPlane) -> Iterator[str]:
    """Make a fresh namespace, and have it removed with all that is in it."""
    name = controlplane.new_namespace()
    yield name
    controlplane.request("DELETE", f"/api/v1/namespaces/{name}")
