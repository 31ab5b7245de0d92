"""Plays the curl calls of a docs page against a running service, and compares status and fields."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.clock.waiting import eventually

SERVICE = "http://127.0.0.1:8080"
"""Where the pages say that the API is."""
ID = r"[jk][0-9a-z]{19,}"
AT_REST = {"Succeeded", "PartiallySucceeded", "Failed", "Cancelled", "Suspended"}
BUCKET_FILES = tuple(f"photos/spring/{name}.jpg" for name in ("bridge-2725x2225", "lake", "portrait"))
"""What the pages say lies in the bucket, where `photos/` was opened by SOURCE_PREFIXES."""
PORTRAIT_BYTES = 86_276
FILES = ("bridge-2725x2225.jpg", "portrait.jpg", "notes.txt")


@dataclass(frozen=True, slots=True)
class Call:
    """A command as it is printed, and the answer below it."""

    command: str
    answer: str

    @property
    def status(self) -> str:
        """The status that is shown or meant, as a pattern."""
        shown = re.search(r"^HTTP/1\.1 (\d+)|^(\d\d\d) http|\"status\": (\d+)", self.answer, re.MULTILINE)
        if shown:
            return next(filter(None, shown.groups()))
        return "4.." if '"errors": [' in self.answer else "20[02]"

    @property
    def headers(self) -> set[str]:
        """The names of all headers that are shown."""
        head = self.answer.partition("\n\n")[0] if self.answer.startswith("HTTP/") else ""
        return {name.lower() for name in re.findall(r"^([\w-]+): ", head, re.MULTILINE)}

    @property
    def fields(self) -> set[str]:
        """The names of all fields that are shown."""
        return _fields(self.answer)


def calls(page: Path) -> list[Call]:
    """Return the curl calls of a page in order, without those that abbreviate the command by dots."""
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [
        call
        for block in blocks
        for call in _split(block)
        if call.command.startswith("curl ") and "..." not in call.command
    ]


def every_call(docs: Path) -> list[Call]:
    """Return the calls of all pages in a folder."""
    return [call for page in sorted(docs.glob("*.md")) for call in calls(page)]


def name(call: Call) -> str:
    """Return what a test of the call is called."""
    return call.command.rpartition("/api/")[2].split()[0].strip('"')


def _split(block: str) -> Iterator[Call]:
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        length = next(n for n in range(1, len(lines) + 1) if _is_complete("\n".join(lines[:n])))
        yield Call("\n".join(lines[:length]), "\n".join(lines[length:]).strip())


def _fields(text: str) -> set[str]:
    return set(re.findall(r'"(\w+)":', text))


def _is_complete(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:
        return False
    return not command.endswith("\\")


@dataclass(slots=True)
class Service:
    """A service that is called as the page says, in a folder with the files that the page names.

    Attributes:
        key: An API key, "" where none is needed.
        elsewhere: What stands in the page -> what is there instead, such as a web server.
        jobs: Id in the page -> id of the job that was made for it.
        uploads: Prefix of keys in the page -> that of the files that were sent to S3.
    """

    url: str
    folder: Path
    key: str = ""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, str] = field(default_factory=dict)

    def play(self, call: Call) -> None:
        """Run the command and compare its answer."""
        for printed in set(re.findall(ID, _replace_all(call.command, dict.fromkeys(self.uploads, "")))):
            self._finish(printed)
        status, answer = self._type(call.command)
        assert re.fullmatch(call.status, status), f"{call.command}\n{status}, not {call.status}\n{answer}"
        ended = re.search(r'"state": "(?:Partially)?Succeeded"', call.answer)
        # A list tells of other jobs here than on the page.
        assert not ended or '"jobs"' in answer or ended[0] in answer, f"{call.command}\n{answer}"
        absent = call.fields - _fields(answer)
        assert not absent, f"{call.command}\nlacks {absent}\n{answer}"
        missing = {
            each
            for each in call.headers
            if not re.search(rf"^{each}: ", answer, re.MULTILINE | re.IGNORECASE)
        }
        assert not missing, f"{call.command}\nlacks the headers {missing}\n{answer}"
        self._remember(call.answer, answer)

    def _type(self, command: str) -> tuple[str, str]:
        command = _replace_all(command, {SERVICE: self.url, **self.elsewhere, **self.uploads, **self.jobs})
        own_format = " -w " in command
        authorized = f"-H 'Authorization: Bearer {self.key}' " if self.key else ""
        told = "" if own_format else r"-w '\n%{http_code}' "
        done = subprocess.run(
            ["bash", "-c", command.replace("curl ", f"curl -sS --max-time 90 {authorized}{told}", 1)],
            cwd=self.folder, capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        if own_format:
            return done.stdout[:3], done.stdout
        answer, _, status = done.stdout.rpartition("\n")
        return status, answer

    def _remember(self, printed: str, answer: str) -> None:
        """Note which job the page's id stands for, where the call made one."""
        made = re.search(rf'^{{"(?:batch_)?job_id": "({ID})"', printed, re.MULTILINE)
        real = re.search(r'^\s*{"(?:batch_)?job_id":\s*"([^"]+)"', answer, re.MULTILINE)
        if made and real and made[1] not in self.jobs:
            self.jobs[made[1]] = real[1]
        prefix = re.search(r'^{"prefix": "(uploads/[^"]+)"', printed)
        if prefix:
            self._send(prefix[1], json.loads(answer))

    def _send(self, printed: str, answer: Mapping[str, Any]) -> None:
        """Send files to S3 by the links of the answer, which stand shortened in the page."""
        self.uploads[printed] = answer["prefix"]
        for file in answer["files"]:
            headers = [word for name, value in file["headers"].items() for word in ("-H", f"{name}: {value}")]
            subprocess.run(
                ["curl", "-sS", "--fail", "-T", file["name"], *headers, file["url"]],
                cwd=self.folder,
                check=True,
                timeout=60,
            )

    def _finish(self, printed: str) -> None:
        """Wait until the job has ended or is suspended; make it of three files if no call of the page did."""
        if printed not in self.jobs:
            files = " ".join(f'-F "images[]=@{name}"' for name in FILES)
            self.jobs[printed] = json.loads(self._type(f"curl {files} -F width=400 {SERVICE}/api/batch")[1])[
                "batch_job_id"
            ]

        def is_at_rest() -> bool:
            status, answer = self._type(f"curl {SERVICE}/api/progress/{printed}")
            return status == "404" or json.loads(answer).get("state") in AT_REST

        eventually(is_at_rest, 90, pause_seconds=0.2)


def _replace_all(text: str, by: Mapping[str, str]) -> str:
    for printed, real in by.items():
        text = text.replace(printed, real)
    return text


def write_files(folder: Path, photo: bytes) -> None:
    """Write the files that the pages name into a folder; a link is signed for the size of `portrait.jpg`."""
    for name in ("large.jpg", "bridge-2725x2225.jpg"):
        (folder / name).write_bytes(photo)
    assert len(photo) <= PORTRAIT_BYTES
    (folder / "portrait.jpg").write_bytes(photo.ljust(PORTRAIT_BYTES, b"\0"))
    (folder / "notes.txt").write_text("no image\n")
