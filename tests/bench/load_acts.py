"""The three measurements of the load bench, and their results."""

import io
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2
from PIL import Image

import load_client
import load_costs
from load_client import Answer
from load_sides import KEEPS, OURS, WIDTH, Side

WARM_UP_IMAGES = 60
OVERLOAD_CLIENTS = 64
HEALTH = Path(__file__).with_name("load_health.py")


@dataclass(frozen=True, slots=True)
class Round:
    """One side for some seconds; processor time is of one finished image, in milliseconds.

    Attributes:
        others: Cores that programs used which are no part of the measurement.
    """

    images: int
    seconds: float
    cpu: Mapping[str, float]
    client_cpu: float
    others: float
    api_mb: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Steady:
    """The first measurement: rounds and answers by side."""

    rounds: Mapping[str, list[Round]]
    answers: Mapping[str, list[Answer]]

    def ratios(self, rival: str) -> list[float]:
        """Return our throughput as a multiple of a rival's, round by round."""
        pairs = zip(self.rounds[OURS], self.rounds.get(rival, []), strict=False)
        return [(mine.images / mine.seconds) / (its.images / its.seconds) for mine, its in pairs]

    def tail(self, side: str) -> float:
        """Return p99 as a multiple of p50."""
        found = self.answers[side]
        return load_client.percentile(found, 0.99) / load_client.percentile(found, 0.5)

    @property
    def missed(self) -> bool:
        """Return whether a target was missed."""
        ratios = self.ratios(KEEPS["both"])
        return (bool(ratios) and statistics.median(ratios) < 1.0) or self.tail(OURS) >= 3.0


@dataclass(frozen=True, slots=True)
class Batch:
    """The second measurement: seconds for all images, by side."""

    images: int
    seconds: Mapping[str, list[float]]

    def ratio(self, rival: str) -> float:
        """Return our speed as a multiple of a rival's."""
        return statistics.median(
            its / mine for mine, its in zip(self.seconds[OURS], self.seconds[rival], strict=True)
        )

    @property
    def missed(self) -> bool:
        """Return whether the target was missed."""
        return KEEPS["both"] in self.seconds and self.ratio(KEEPS["both"]) < 1.0


@dataclass(frozen=True, slots=True)
class Overload:
    """The third measurement.

    Attributes:
        unexplained: Number of 429s without Retry-After.
        health: Seconds of each request to `/healthz`.
        api_mb: Memory of the API, sampled every half second.
    """

    statuses: Mapping[int, int]
    unexplained: int
    health: tuple[float, ...]
    api_mb: tuple[float, ...]

    @property
    def missed(self) -> bool:
        """Return whether a target was missed."""
        wrong = sum(count for status, count in self.statuses.items() if status not in (200, 202, 429))
        return (
            bool(wrong or self.unexplained)
            or not self.statuses.get(429)
            or max(self.health) > 0.2
            or max(self.api_mb) > 200
        )


def steady(
    sides: Sequence[Side], storage: load_costs.Pids, clients: int, seconds: float, rounds: int
) -> Steady:
    """Let the sides take turns; each round begins with another side."""
    for side in sides:
        _check_answer(load_client.for_images(side.target, clients, WARM_UP_IMAGES)[-1])
    found: dict[str, list[Round]] = {side.name: [] for side in sides}
    answers: dict[str, list[Answer]] = {side.name: [] for side in sides}
    for number in range(rounds):
        for side in (*sides[number % len(sides) :], *sides[: number % len(sides)]):
            came, result = _run_round(side, storage, clients, seconds / rounds)
            found[side.name].append(result)
            answers[side.name] += came
    return Steady(found, answers)


def _run_round(
    side: Side, storage: load_costs.Pids, clients: int, seconds: float
) -> tuple[list[Answer], Round]:
    pids = {**side.parts, **storage}
    before, began = load_costs.spent(pids), time.monotonic()
    with load_costs.sampled(lambda: load_costs.resident_mb(side.parts.get("api", 0))) as memory:
        answers = load_client.for_seconds(side.target, clients, seconds)
    took, used = time.monotonic() - began, load_costs.spent(pids).since(before)
    images = sum(answer.status == 200 for answer in answers)
    cpu = {name: 1000 * spent / images for name, spent in used.parts.items()}
    return answers, Round(images, took, cpu, 1000 * used.client / images, used.others / took, tuple(memory))


def _check_answer(answer: Answer) -> None:
    """Check that an answer is a 200 whose link leads to a picture of the right width."""
    assert answer.status == 200, answer.body
    link = json.loads(answer.body)["download_url"]
    found = httpx2.get(link, follow_redirects=True)
    assert found.status_code == 200, found.text
    assert Image.open(io.BytesIO(found.content)).size[0] == WIDTH


def batch(sides: Sequence[Side], clients: int, images: int, rounds: int) -> Batch:
    """Let the sides take turns with all the images."""
    taken: dict[str, list[float]] = {side.name: [] for side in sides}
    for number in range(rounds):
        for side in (*sides[number % len(sides) :], *sides[: number % len(sides)]):
            with load_costs.clocked() as clock:
                answers = load_client.for_images(side.target, clients, images)
                taken[side.name].append(clock())
            assert all(answer.status == 200 for answer in answers), Counter(
                answer.status for answer in answers
            )
    return Batch(images, taken)


def overload(side: Side, seconds: float) -> Overload:
    """Send more images than the API has room for."""
    command = [sys.executable, str(HEALTH), side.target.host, str(side.target.port), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watcher:
        with load_costs.sampled(lambda: load_costs.resident_mb(side.parts["api"])) as memory:
            answers = load_client.for_seconds(side.target, OVERLOAD_CLIENTS, seconds)
        health = tuple(map(float, watcher.communicate()[0].split()))
    refused = [answer for answer in answers if answer.status == 429]
    unexplained = sum(answer.retry_after is None for answer in refused)
    return Overload(dict(Counter(answer.status for answer in answers)), unexplained, health, tuple(memory))
