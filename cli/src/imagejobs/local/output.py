"""What the person at the terminal reads: facts, and two calls that work when pasted. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Facts:
    """Where everything is.

    Attributes:
        unfinished: Jobs of earlier runs that go on now.
        moved: What had to leave its default port: name, default, port.
    """

    version: str
    seconds: float
    url: str
    s3: str
    redis: str
    workers: int
    lanes: int
    data: Path
    data_bytes: int
    logs: Path
    unfinished: int
    moved: Sequence[tuple[str, int, int]]
    sample: Path


def facts(known: Facts) -> str:
    """Return the screen that is shown once everything is ready."""
    rows = [
        ("API", known.url),
        ("S3", known.s3),
        ("Redis", known.redis),
        ("Workers", workers(known.workers, known.lanes)),
        ("Data", f"{known.data} ({size(known.data_bytes)}; kept when this ends)"),
        ("Logs", str(known.logs)),
        ("Jobs", unfinished(known.unfinished)),
    ]
    lines = [f"imagejobs {known.version} is ready after {known.seconds:.1f} s.", ""]
    lines += [f"  {name:<8} {value}" for name, value in rows]
    lines += [f"  Port {old} was taken: {what} listens on {new}." for what, old, new in known.moved]
    lines += [
        "",
        "Try:",
        *(f"  {each}" for each in calls(known.url, known.sample)),
        "",
        "Ctrl-C stops everything.",
    ]
    return "\n".join(lines)


def workers(number: int, lanes: int) -> str:
    """Say how many workers there are, and how many images they render at once where that is more."""
    return f"{number} ({lanes} images at once)" if lanes > number else str(number)


def calls(url: str, sample: Path) -> tuple[str, str]:
    """Return two calls with a picture that is there."""
    return (
        f'curl -F "image=@{sample}" -F "width=400" -F "quality=80" {url}/api/resize',
        f'curl -F "images[]=@{sample}" -F "images[]=@{sample}" -F "width=200" {url}/api/batch',
    )


def farewell(data: Path, jobs: int) -> str:
    """Return what is said when everything has ended."""
    ending = (
        f" {jobs} unfinished {'job goes' if jobs == 1 else 'jobs go'} on at the next start." if jobs else ""
    )
    return f"stopped. Jobs and images are kept in {data}.{ending}"


def unfinished(jobs: int) -> str:
    """Say how many jobs of earlier runs go on."""
    return f"{jobs} unfinished, going on" if jobs else "none unfinished"


def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{count / 10**6:.1f} MB" if count < 10**9 else f"{count / 10**9:.1f} GB"
