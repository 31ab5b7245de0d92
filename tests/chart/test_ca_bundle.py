"""CAs of one's own reach every pod that has the settings, the pods of Jobs too."""

import pytest

from imagejobs_operator.jobs.pod_spec import CA_FOLDER
from support.cluster.chart_render import case, of_kind, pods, render

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    file.write_text(PEM)
    return ("--set-file", f"caBundle={file}")


def with_settings(objects):
    """Return the pods that read the ConfigMap of the settings."""
    found = [pod for _, pod in pods(objects)]
    return [pod for pod in found if "configMapRef" in str(pod["spec"]["containers"][0].get("envFrom"))]


def test_every_pod_with_the_settings_has_the_file_that_they_name(bundle):
    objects = render(*case("minimal"), *bundle, "--set", "watch.namespaces={shop}")
    found = {
        each["metadata"]["namespace"]: each
        for each in of_kind(objects, "ConfigMap")
        if "ca.pem" in each["data"]
    }
    assert len(found) == 2
    assert {each["data"]["ca.pem"] for each in found.values()} == {PEM}
    (name,) = {each["metadata"]["name"] for each in found.values()}
    settings = [each["data"] for each in of_kind(objects, "ConfigMap") if "S3_BUCKET" in each["data"]]
    assert {each["CA_FILE"] for each in settings} == {f"{CA_FOLDER}/ca.pem"}
    assert len(with_settings(objects)) >= 4
    for pod in with_settings(objects):
        (container,) = pod["spec"]["containers"]
        assert {"name": "ca", "configMap": {"name": name}} in pod["spec"]["volumes"]
        assert {"name": "ca", "mountPath": CA_FOLDER, "readOnly": True} in container["volumeMounts"]
    (operator,) = [
        {each["name"]: each.get("value") for each in pod["spec"]["containers"][0]["env"]}
        for pod in with_settings(objects)
        if pod["spec"]["containers"][0]["name"] == "operator"
    ]
    assert operator["WORKER_CA_CONFIG_MAP"] == name


def test_another_bundle_is_another_rollout(bundle, tmp_path):
    (tmp_path / "new.pem").write_text(PEM * 2)

    def digests(*arguments):
        return {
            pod["metadata"]["annotations"]["imagejobs.dev/settings-digest"]
            for pod in with_settings(of_kind(render(*case("minimal"), *arguments), "Deployment"))
        }

    assert digests(*bundle).isdisjoint(digests("--set-file", f"caBundle={tmp_path / 'new.pem'}"))


def test_without_one_nothing_of_it_is_there():
    objects = str(render(*case("minimal")))
    assert not any(each in objects for each in (f"{CA_FOLDER}'", "ca.pem", "CA_FILE", "WORKER_CA_CONFIG_MAP"))
