"""`imagejobs resize` against a server with keys: what it saves and says, and that `as=cli` repeats a job."""

import json
import os
import shlex
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from support.servers import local_stack

KEY = "ijk_" + "c" * 43
CALLERS = {"callers": [{"name": "shop", "keys": [{"sha256": sha256(KEY.encode()).hexdigest()}]}]}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("command")
    (folder / "callers.json").write_text(json.dumps(CALLERS))
    environ = {"CALLERS_FILE": str(folder / "callers.json")}
    with local_stack.running(folder / "data", "--workers", "1", environ=environ) as running:
        yield running


@pytest.fixture
def run(stack, tmp_path):
    def command(*arguments: str, key: str = KEY) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "IMAGEJOBS_URL": stack.url, "IMAGEJOBS_KEY": key}
        return subprocess.run(
            [sys.executable, "-m", "imagejobs", "resize", *arguments],
            cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    return command


def photos(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (folder / name).write_bytes(local_stack.photo(320, 240, seed=number))


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_results_lie_in_the_folder_and_the_originals_stay(run, tmp_path):
    photos(tmp_path, "a.jpg", "b b.jpg")
    before = (tmp_path / "a.jpg").read_bytes()
    done = run("-o", "width=64", "--to", ".", "a.jpg", "b b.jpg")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.jpg").read_bytes() == before
    assert [size_of(tmp_path / name) for name in ("a-2.jpg", "b-b.jpg")] == [(64, 48)] * 2
    assert "a-2.jpg  64 x 48" in done.stdout
    assert not list(tmp_path.glob(".*.part"))


def test_a_picture_that_fails_is_told_with_its_reason_and_the_others_are_saved(run, tmp_path):
    photos(tmp_path, "a.jpg")
    (tmp_path / "notes.jpg").write_text("no picture at all")
    done = run("-o", "width=64", "a.jpg", "notes.jpg")
    assert done.returncode == 1
    assert "notes.jpg: The file is not an image." in done.stderr
    assert "1 of 2 failed" in done.stderr
    assert (tmp_path / "resized" / "a.jpg").exists()


def test_wrong_calls_are_said_in_a_sentence(run, tmp_path):
    photos(tmp_path, "a.jpg")
    for arguments, code, words in (
        (["-o", "width", "a.jpg"], 2, "NAME=VALUE"),
        (["absent.jpg"], 2, "absent.jpg: is no file"),
        (["-o", "width=abc", "a.jpg"], 1, "width"),
    ):
        done = run(*arguments)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
        assert words in done.stderr
    refused = run("a.jpg", key="ijk_wrong")
    assert refused.returncode == 1
    assert "key" in refused.stderr.lower()


def test_as_cli_repeats_a_job(stack, run, tmp_path):
    photos(tmp_path, "a.jpg", "it's.jpg")
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx2.Client(base_url=stack.url, headers=headers, timeout=60) as http:
        parts = [("images[]", (name, (tmp_path / name).read_bytes())) for name in ("a.jpg", "it's.jpg")]
        made = http.post("/api/batch", files=parts, data={"width": "80", "format": "webp"})
        first = made.json()["batch_job_id"]
        text = http.get(f"/api/jobs/{first}", params={"as": "cli"}).text
        note, command = text.split("\n", 1)
        assert "IMAGEJOBS_KEY" in note
        words = shlex.split(command.replace("\\\n", " "))
        assert words[:2] == ["imagejobs", "resize"]
        done = run(*words[2:])
        assert done.returncode == 0, done.stderr
        newest = http.get("/api/jobs", params={"limit": 1}).json()["jobs"][0]["job_id"]
        specs = [http.get(f"/api/jobs/{each}").json()["spec"] for each in (first, newest)]
        assert newest != first
        assert specs[0]["variants"] == specs[1]["variants"]
        assert [[item["name"] for item in spec["items"]] for spec in specs] == [["a.jpg", "it's.jpg"]] * 2
    assert size_of(tmp_path / "resized" / "it-s.webp") == (80, 60)
