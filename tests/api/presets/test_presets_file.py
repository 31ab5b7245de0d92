"""The file of presets: read whole, or refused with every fault by its name."""

import subprocess
import sys

import pytest

from imagejobs_api.presets import presets_file
from imagejobs_contract.errors import Invalid
from imagejobs_contract.model.options import Fit, Variant

GOOD = """
presets:
  - name: shop
    description: Of the web shop.
    variants:
      - {name: thumb, width: 200, height: 200, fit: cover}
      - {name: web, width: 1200, max_size: 150kB}
  - name: plain
    variants: [{}]
"""


def faults(text: str) -> list[str]:
    with pytest.raises(Invalid) as caught:
        presets_file.read(text)
    return [fault.where for fault in caught.value.faults]


def test_presets_are_read_from_yaml():
    found = presets_file.read(GOOD).by_name
    assert list(found) == ["shop", "plain"]
    assert found["shop"].description == "Of the web shop."
    assert found["shop"].variants == (
        Variant("thumb", width=200, height=200, fit=Fit.COVER),
        Variant("web", width=1200, max_size=150_000),
    )


def test_a_service_may_have_no_presets():
    assert not presets_file.read('{"presets": []}').by_name


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", ["file"]),
        ("[1]", ["file"]),
        ("{", ["line 1"]),
        ("{}", ["presets"]),
        ("presets: {shop: []}", ["presets"]),
        ("presets: [{}]", ["presets[0].name", "presets[0].variants"]),
        ("presets: [{name: Shop, variants: [{}]}]", ["presets[0].name"]),
        ("presets: [{name: a, variants: []}]", ["presets[0].variants"]),
        ("presets: [{name: a, variants: [{}], colour: red}]", ["presets[0].colour"]),
        (
            "presets: [{name: a, variants: [{width: 0}]}, {name: a, variants: [{fit: cover}]}]",
            ["presets[0].variants[0].width", "presets[1].variants[0].fit", "presets[1].name"],
        ),
    ],
    ids=str,
)
def test_every_fault_is_named(text, fields):
    assert faults(text) == fields


@pytest.mark.parametrize(
    "text", ["presets: [{name: shop, variants: [{width: 0}]}]", None], ids=["bad", "gone"]
)
def test_an_api_does_not_start_with_a_bad_file(text, tmp_path):
    path = tmp_path / "presets.yaml"
    if text is not None:
        path.write_text(text)
    environ = {
        "JOB_STORE": f"sqlite:{tmp_path}/jobs.db", "REDIS_URL": "redis://127.0.0.1:1/0",
        "LISTEN": "127.0.0.1:0", "S3_ENDPOINT": "http://127.0.0.1:1", "S3_BUCKET": "pictures",
        "PRESETS_FILE": str(path),
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
    }  # fmt: skip
    command = [sys.executable, "-m", "imagejobs_api"]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert f"PRESETS_FILE ({path}): " in ended.stderr
    assert "presets[0].variants[0].width" in ended.stderr or text is None
