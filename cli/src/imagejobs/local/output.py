"""Texts that `imagejobs local` prints: where everything is, and two calls that work when pasted. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

KEY_VARIABLE = "IMAGEJOBS_KEY"
"""Shell variable from which the printed calls take the API key: the server knows only hashes of keys."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Where everything is.

    Attributes:
        seconds: From the start until every program was ready.
        images_at_once: Images that all workers together render at once.
        unfinished: Jobs of earlier runs that continue now.
        moved: Parts whose default port was taken: name, default port, port.
        sample: A picture for the printed calls.
        needs_key: Whether calls without an API key are answered with 401.
        ephemeral: Whether the data goes at the end.
    """

    version: str
    seconds: float
    url: str
    s3: str
    redis: str
    workers: int
    images_at_once: int
    data: Path
    data_bytes: int
    logs: Path
    unfinished: int
    moved: Sequence[tuple[str, int, int]]
    sample: Path
    needs_key: bool
    ephemeral: bool = False


def format_start(facts: Facts) -> str:
    """Return the text that is printed once everything is ready."""
    fate = "gone" if facts.ephemeral else "kept"
    rows = [
        ("API", facts.url),
        ("S3", facts.s3),
        ("Redis", facts.redis),
        ("Workers", format_workers(facts.workers, facts.images_at_once)),
        ("Data", f"{facts.data} ({format_bytes(facts.data_bytes)}; {fate} when this ends)"),
        ("Logs", str(facts.logs)),
        ("Jobs", format_unfinished(facts.unfinished)),
    ]
    lines = [f"imagejobs {facts.version} is ready after {facts.seconds:.1f} s.", ""]
    lines += [f"  {name:<8} {value}" for name, value in rows]
    lines += [f"  Port {old} was taken: {name} listens on {new}." for name, old, new in facts.moved]
    lines += [
        "",
        "Try, with a key of one of the callers:" if facts.needs_key else "Try:",
        *(f"  {each}" for each in example_calls(facts.url, facts.sample, needs_key=facts.needs_key)),
        "",
        "Ctrl-C stops everything.",
    ]
    return "\n".join(lines)


def example_calls(url: str, sample: Path, *, needs_key: bool) -> list[str]:
    """Return two calls with a picture that exists; where keys are needed, a line before them sets the key."""
    key = [f"export {KEY_VARIABLE}=ijk_..."] if needs_key else []
    header = f'-H "Authorization: Bearer ${KEY_VARIABLE}" ' if needs_key else ""
    return [
        *key,
        f'curl {header}-F "image=@{sample}" -F "width=400" -F "quality=80" {url}/api/resize',
        f'curl {header}-F "images[]=@{sample}" -F "images[]=@{sample}" -F "width=200" {url}/api/batch',
    ]


def hide_credentials(url: str) -> str:
    """Return the URL without user name and password: people paste what a terminal shows into reports."""
    scheme, slashes, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    # A password may hold an @; the host does not.
    return f"{scheme}{slashes}{authority.rpartition('@')[2]}{slash}{path}"


def format_workers(workers: int, images_at_once: int) -> str:
    """Return the number of workers, and how many images they render at once if that is more."""
    return f"{workers} ({images_at_once} images at once)" if images_at_once > workers else str(workers)


def format_stop(data: Path, unfinished: int) -> str:
    """Return the text that is printed when everything has ended."""
    jobs = "1 unfinished job goes" if unfinished == 1 else f"{unfinished} unfinished jobs go"
    ending = f" {jobs} on at the next start." if unfinished else ""
    return f"stopped. Jobs and images are kept in {data}.{ending}"


def format_gone() -> str:
    """Return the text that is printed when everything of an ephemeral run has ended."""
    return "stopped. Jobs and images are gone."


def format_unfinished(unfinished: int) -> str:
    """Return how many jobs of earlier runs go on."""
    return f"{unfinished} unfinished, going on" if unfinished else "none unfinished"


def format_bytes(count: int) -> str:
    """Return a number of bytes in MB or GB."""
    return f"{count / 10**6:.1f} MB" if count < 10**9 else f"{count / 10**9:.1f} GB"
