"""Formats the measurements: a table for people and a report for machines."""

import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from PIL import features

import rivals
from cases import Case
from judge import Quality

Measured = dict[str, Any]
_ORDER = ("worker", "plain", "sharp", "vips")
_CODECS = ("libjpeg_turbo", "zlib", "webp", "avif", "littlecms2")


@dataclass(frozen=True, slots=True)
class Result:
    """One case: the figures of each contestant in each round, and the quality of the results."""

    case: Case
    rounds: list[dict[str, Measured]]
    judged: dict[str, Quality]

    def ratio(self, name: str) -> float | None:
        """Return a contestant's speed as a multiple of sharp's, None without sharp."""
        both = [
            each["sharp"]["cpu_ms"] / each[name]["cpu_ms"]
            for each in self.rounds
            if "sharp" in each and name in each
        ]
        return median(both) if both else None


def rows(result: Result) -> str:
    """Return the lines of one case."""
    lines = [f"{result.case.name}  {result.case.title}"]
    lines += [_row(result, name) for name in _ORDER if name in result.judged]
    return "\n".join(lines) + "\n\n"


def _row(result: Result, name: str) -> str:
    found = [each[name] for each in result.rounds]
    ratio, quality = result.ratio(name), result.judged[name]
    target = {"worker": result.case.target, "plain": result.case.plain_target}.get(name)
    wanted = (
        ""
        if target is None or ratio is None
        else f"(target {target:g}{'' if ratio >= target else ', MISSED'})"
    )
    return (
        f"  {name:7}{median(each['cpu_ms'] for each in found):9.1f} ms{_times(ratio)}   "
        f"{found[0]['bytes']:8} bytes   PSNR {quality.psnr:5.2f} SSIM {quality.ssim:.4f}   "
        f"{max(each['peak_mb'] for each in found):4.0f} MB   {wanted}"
    ).rstrip()


def _times(ratio: float | None) -> str:
    return "            " if ratio is None else f"   x {ratio:6.2f} "


def legend(report: Path) -> str:
    """Return the explanation below the table."""
    return (
        "ms: processor time per image; x: times sharp's speed, median of the rounds; "
        "plain: the worker without the SIMD resizer;\n"
        "MB: peak memory of a contestant, for the worker of parent, zygote and child together. "
        f"All of it: {report}\n"
    )


def report(results: list[Result]) -> dict[str, Any]:
    """Return all results, and the versions that were measured."""
    return {
        "versions": versions(),
        "cases": [
            asdict(each) | {"ratios": {name: each.ratio(name) for name in each.judged}} for each in results
        ],
    }


def versions() -> dict[str, str]:
    """Return the versions of all that ran."""
    packages = {name: version(name) for name in ("pillow", "cykooz-resizer", "kornia-rs")}
    codecs = {name: str(features.version(name)) for name in _CODECS}
    return {
        "machine": platform.platform(),
        "python": platform.python_version(),
        "sharp": rivals.SHARP,
        "vips": rivals.VIPS[1],
        **packages,
        **codecs,
    }
