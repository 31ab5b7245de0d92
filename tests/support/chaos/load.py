"""Sends the jobs of a plan as a patient client does, and looks at their progress all the time."""

import contextlib
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from support.api.client import FINAL_STATES
from support.chaos.machine import BROKEN, PHOTOS, SOURCES, Machine
from support.chaos.plan import Sending, Way

WIDTH = 1000
OPTIONS = {"width": WIDTH, "format": "webp"}
"""A result that takes a while: some 0.1 s."""
REQUEST_SECONDS = 5.0
AGAIN_SECONDS = 0.2
POLL_SECONDS = 0.03
TEMPORARY = frozenset({429, 500, 502, 503, 504})
"""Statuses after which a patient client asks again."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job that the API has accepted.

    Attributes:
        total: Images in it; the last `broken` are no images.
    """

    id: str
    sending: Sending

    @property
    def total(self) -> int:
        """Images in it."""
        return self.sending.images

    @property
    def broken(self) -> int:
        """Images of it that must fail."""
        return self.sending.broken


@dataclass
class Load:
    """What was sent, and what was wrong on the way.

    Attributes:
        may_fall: Whether Redis and the operator are lost together: outcomes that only they knew come again.
        kills: Children that are killed: their images fail, because only a kernel without memory does that.
        cut_off: Requests without an answer 2xx, each of which may leave an upload that no job owns.
    """

    machine: Machine
    name: str
    kills: int = 0
    may_fall: bool = False
    accepted: list[Accepted] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    cut_off: int = 0

    def send(self, number: int, sending: Sending, give_up: float) -> None:
        """Send a job again and again under one idempotency key until it is accepted.

        Args:
            give_up: On the monotonic clock.
        """
        key = f"{self.name}-{number}"
        last = "no answer"
        while time.monotonic() < give_up:
            try:
                answer = _post(self.machine, sending, key)
            except (httpx2.HTTPError, OSError) as ex:
                last = type(ex).__name__
            else:
                if answer.status_code in (200, 202):
                    self.accepted.append(Accepted(_job_id(answer.json()), sending))
                    return
                last = f"{answer.status_code} {answer.text[:300]}"
                if answer.status_code == 500:
                    self.wrong.append(f"a request was answered with {last}")
                if answer.status_code not in TEMPORARY and not answer.json().get("retryable"):
                    break
            self.cut_off += 1
            time.sleep(AGAIN_SECONDS)
        self.wrong.append(f"{sending} was not accepted: {last}")


def _post(machine: Machine, sending: Sending, key: str) -> httpx2.Response:
    url, headers = machine.url, {"Idempotency-Key": key, "Prefer": "respond-async"}
    photos = [(f"{n}.jpg", machine.photos[n % PHOTOS]) for n in range(sending.images - sending.broken)]
    with httpx2.Client(base_url=url, timeout=REQUEST_SECONDS) as http:
        if sending.way is Way.SINGLE:
            return http.post("/api/resize", files={"image": photos[0]}, data=OPTIONS, headers=headers)
        if sending.way is Way.BATCH:
            files = photos + [(f"broken-{n}.txt", b"no image") for n in range(sending.broken)]
            parts = [("images[]", each) for each in files]
            return http.post("/api/batch", files=parts, data=OPTIONS, headers=headers)
        keys = [f"{SOURCES}{n % PHOTOS}.jpg" for n in range(len(photos))] + [BROKEN] * sending.broken
        body = {
            "items": [{"key": each} for each in keys],
            "variants": [OPTIONS],
            "execution": "Pool" if sending.way is Way.POOL else "Job",
            "items_per_pod": 5,
        }
        return http.post("/api/jobs", json=body, headers=headers)


def _job_id(answer: Mapping[str, Any]) -> str:
    return str(answer.get("batch_job_id") or answer["job_id"])


class Watch:
    """Reads the progress of accepted jobs in a thread of its own, and keeps what may not be."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._stopped = threading.Event()
        self._seen: dict[str, Mapping[str, Any]] = {}
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Stop, once the last question is answered."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        with httpx2.Client(timeout=2.0) as http:
            while not self._stopped.wait(POLL_SECONDS):
                for job in tuple(self._load.accepted):
                    try:
                        answer = http.get(f"{self._load.machine.url}/api/progress/{job.id}")
                    except (httpx2.HTTPError, OSError):
                        continue
                    if answer.status_code == 200:
                        self._look(job, answer.json())
                    elif answer.status_code not in TEMPORARY:
                        self._load.wrong.append(
                            f"progress of {job.id}: {answer.status_code} {answer.text[:200]}"
                        )

    def _look(self, job: Accepted, now: Mapping[str, Any]) -> None:
        before = self._seen.get(job.id)
        wrong = wrong_steps(before, now, self._load.may_fall)
        self._load.wrong += [f"progress of {job.id}: {each}" for each in wrong]
        self._seen[job.id] = now


class Reader:
    """Reads the events of the job that was accepted first, as a browser does: it comes back where it was."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._over = threading.Event()
        self._last: Mapping[str, Any] | None = None
        self._last_id = ""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Stop; its job has ended, and it must have read so within this time."""
        end = time.monotonic() + seconds
        while self._thread.is_alive() and time.monotonic() < end:
            self._thread.join(0.1)
        if self._thread.is_alive() and self._load.accepted:
            self._load.wrong.append(f"events: {self._load.accepted[0].id} never ended; last {self._last}")
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not (self._over.wait(AGAIN_SECONDS) or self._is_final()):
            if self._load.accepted:
                with contextlib.suppress(httpx2.HTTPError, OSError):
                    self._read(self._load.accepted[0].id)

    def _is_final(self) -> bool:
        return self._last is not None and self._last["state"] in FINAL_STATES

    def _read(self, job: str) -> None:
        url = f"{self._load.machine.url}/api/progress/{job}/events"
        headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
        with httpx2.stream("GET", url, headers=headers, timeout=2.0) as answer:
            if answer.status_code != 200:
                return
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    self._last_id = value
                if name == "data":
                    now = json.loads(value)
                    wrong = wrong_steps(self._last, now, self._load.may_fall)
                    self._load.wrong += [f"events of {job}: {each}" for each in wrong]
                    self._last = now


def wrong_steps(
    before: Mapping[str, Any] | None, now: Mapping[str, Any], may_fall: bool = False
) -> list[str]:
    """Return what is wrong with an answer about progress, alone and after the one before it."""
    wrong = []
    is_final = now["state"] in FINAL_STATES
    if (now["progress"] == 100) != is_final:
        wrong.append(f"{now['progress']} % while {now['state']}")
    if now["done"] + now["failed"] > now["total"]:
        wrong.append(f"{now['done']} done and {now['failed']} failed of {now['total']}")
    if before is None:
        return wrong
    wrong += [
        f"{name} fell from {before[name]} to {now[name]} ({before['state']}, {now['state']})"
        for name in ("progress", "done", "failed")
        if now[name] < before[name] and not may_fall
    ]
    if before["state"] in FINAL_STATES and now["state"] != before["state"]:
        wrong.append(f"{before['state']} became {now['state']}")
    return wrong
