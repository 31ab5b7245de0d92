"""The environment that the chart sets is valid, and every variable in it is read by a program."""

import importlib

import pytest

from imagejobs_contract.reader import Reader
from support.cluster import chart_render
from support.cluster.chart_render import case, environment, of_kind, pods, render
from support.servers import certificates

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "REDIS_URL": "rediss://:password@redis:6379/0",
}
SECRETS = dict.fromkeys(("pictures-s3", "pictures-redis", "imagejobs-credentials"), CREDENTIALS)
SECRETS["imagejobs-dev"] = CREDENTIALS  # what the secrets Job writes
SECRETS["shop-collector"] = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20token"}
NOT_OURS = {"TZ", "VALKEY_PASSWORD", "s3.json"}
"""Of the system, or of the try-out's servers."""


class Recording(dict):
    """A dict that knows which names were asked for."""

    def __init__(self, *args):
        super().__init__(*args)
        self.asked = set()

    def get(self, name, default=None):
        self.asked.add(name)
        return super().get(name, default)

    def __getitem__(self, name):
        self.asked.add(name)
        return super().__getitem__(name)

    def __contains__(self, name):
        self.asked.add(name)
        return super().__contains__(name)


def read(program, environ):
    """Return the faults, and the names that were asked for."""
    body = Recording({name: value for name, value in environ.items() if value != ""})
    reader = Reader(body)
    importlib.import_module(f"imagejobs_{program}.settings").Settings.read(reader)
    return reader.faults, body.asked


@pytest.mark.parametrize("name", chart_render.CASES)
@pytest.mark.parametrize(
    ("component", "program"), [("api", "api"), ("operator", "operator"), ("pool", "worker")]
)
def test_a_program_understands_its_environment(name, component, program, tmp_path):
    objects = render(*case(name))
    pod = next(
        pod
        for _, pod in pods(of_kind(objects, "Deployment"))
        if pod["metadata"]["labels"]["app.kubernetes.io/component"] == component
    )
    found = environment(objects, pod, SECRETS)
    if "CA_FILE" in found:  # as the volume brings it
        found["CA_FILE"] = str(certificates.make_files(tmp_path).ca)
    faults, _ = read(program, found)
    assert faults == []


@pytest.mark.parametrize("name", chart_render.CASES)
def test_every_variable_is_read_by_a_program(name):
    objects = render(*case(name))
    given, asked = set(), {"UPLOAD_DAYS"}
    for component, program in (("api", "api"), ("operator", "operator"), ("pool", "worker")):
        pod = next(
            pod
            for _, pod in pods(of_kind(objects, "Deployment"))
            if pod["metadata"]["labels"]["app.kubernetes.io/component"] == component
        )
        environ = environment(objects, pod, SECRETS)
        given |= set(environ)
        asked |= read(program, environ)[1]
    assert given - asked <= NOT_OURS
