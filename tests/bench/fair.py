"""Measures how long one caller's photo takes while two other callers fill the pool.

`slow` sends one job of images whose server takes 18 s for each, near the most; each holds a slot of a worker
and costs no processor. `many` sends job after job of small images. `one` sends a small photo every second,
first alone. Its p95 beside them may be twice its p95 alone, plus one small image, which a worker has in hand.
Run it on a machine that does nothing else.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2

from imagejobs_api.callers import api_keys
from support.api.client import ApiClient
from support.clock.waiting import eventually
from support.servers import local_stack

CALLERS = ("slow", "many", "one")
BYTES_PER_SECOND = 1500
"""Above the slowest rate at which a worker takes an image (MIN_SOURCE_BYTES_PER_SECOND)."""
MAX_RETRY_SECONDS = 5.0
JOB_IMAGES = 50
"""Of a job of `many`: with MAX_CALLER_POOL_IMAGES, 50 of them are open at a time."""


@dataclass(slots=True)
class Measured:
    """Milliseconds of the photos of `one` in one phase, and images of the others that ended in it."""

    name: str
    seconds: float
    photos: list[float] = field(default_factory=list)
    failed: int = 0
    ended: dict[str, int] = field(default_factory=dict)

    def share(self, part: float) -> float:
        """Return the milliseconds within which that part of the photos came."""
        ordered = sorted(self.photos)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))]

    def row(self) -> str:
        """Return one line of the table."""
        ended = "   ".join(f"{name} {count}" for name, count in self.ended.items())
        photos = (
            f"{len(self.photos):>4} photos   p50 {self.share(0.5):7.1f} ms   p95 {self.share(0.95):7.1f} ms"
        )
        return (
            f"{self.name:<22} {photos}   most {max(self.photos):7.1f} ms   failed {self.failed}   {ended}\n"
        )


class Slow:
    """A web server that sends an image so slowly that it takes the given time.

    Attributes:
        begun: Requests so far.
    """

    def __init__(self, image: bytes, seconds: float) -> None:
        self.image = image.ljust(int(seconds * BYTES_PER_SECOND), b"\0")
        self.begun = 0
        self.port = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve until the end of the block."""
        slow = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                slow.begun += 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(slow.image)))
                self.end_headers()
                try:
                    for start in range(0, len(slow.image), BYTES_PER_SECOND // 2):
                        self.wfile.write(slow.image[start : start + BYTES_PER_SECOND // 2])
                        time.sleep(0.5)
                except OSError:
                    pass

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.block_on_close = False
        self.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()


def main() -> int:
    """Measure and print; return 1 if the bound was missed or a photo failed."""
    arguments = _arguments()
    keys = {name: api_keys.new_key() for name in CALLERS}
    photo = local_stack.photo(640, 480)
    slow = Slow(local_stack.photo(64, 48), arguments.slow_seconds)
    with tempfile.TemporaryDirectory() as folder, slow.running():
        callers = Path(folder) / "callers.json"
        callers.write_text(
            json.dumps(
                {
                    "callers": [
                        {"name": name, "keys": [{"sha256": api_keys.digest(key)}]}
                        for name, key in keys.items()
                    ]
                }
            )
        )
        environ = {
            "CALLERS_FILE": str(callers),
            "ALLOWED_PRIVATE_SOURCES": "127.0.0.0/8",
            "ALLOWED_PORTS": "1-65535",
        }
        with (
            local_stack.running(Path(folder) / "data", environ=environ) as stack,
            httpx2.Client(base_url=stack.url, timeout=600) as http,
        ):
            clients = {name: ApiClient(http, "", key) for name, key in keys.items()}
            alone, beside = measure(clients, slow, photo, arguments)
    task_ms = beside.seconds * 1000 / max(1, beside.ended["many"])
    bound = 2 * alone.share(0.95) + task_ms
    sys.stdout.write(
        alone.row()
        + beside.row()
        + f"bound of p95: 2 x {alone.share(0.95):.1f} + {task_ms:.1f} = {bound:.1f} ms\n"
    )
    return int(beside.share(0.95) > bound or beside.failed > 0 or alone.failed > 0)


def measure(
    clients: dict[str, ApiClient], slow: Slow, photo: bytes, arguments: argparse.Namespace
) -> tuple[Measured, Measured]:
    """Let `one` send photos alone, then beside the others."""
    post_photos(clients["one"], photo, 5)
    alone = Measured("alone", arguments.seconds)
    alone.photos, alone.failed = post_photos(clients["one"], photo, arguments.seconds)
    stop = threading.Event()
    items = [{"url": f"http://127.0.0.1:{slow.port}/{n}.jpg"} for n in range(arguments.slow)]
    job = {"items": items, "variants": [{"width": 16}], "execution": "Pool"}
    clients["slow"].post_job(job).raise_for_status()
    many = Many(clients["many"], photo, arguments.many)
    sender = threading.Thread(target=many.send, args=(stop,))
    sender.start()
    eventually(lambda: many.ended() > 0, 300)
    before, began = {"slow": ended(clients["slow"]), "many": many.ended()}, time.monotonic()
    beside = Measured("beside slow and many", arguments.seconds)
    beside.photos, beside.failed = post_photos(clients["one"], photo, arguments.seconds)
    beside.seconds = time.monotonic() - began
    after = {"slow": ended(clients["slow"]), "many": many.ended()}
    beside.ended = {name: after[name] - before[name] for name in before}
    stop.set()
    sender.join()
    return alone, beside


def post_photos(client: ApiClient, photo: bytes, seconds: float) -> tuple[list[float], int]:
    """Send a photo every second, or as soon as the last one is there; return milliseconds and failures."""
    times, failed, began = list[float](), 0, time.monotonic()
    while (at := time.monotonic()) < began + seconds:
        answer = client.post_image(photo, headers={"Prefer": "wait=60"}, width=320)
        times.append((time.monotonic() - at) * 1000)
        failed += answer.status_code != 200
        time.sleep(max(0.0, at + 1.0 - time.monotonic()))
    return times, failed


class Many:
    """A caller that sends jobs of small images, as many as the API takes, until all are sent."""

    def __init__(self, client: ApiClient, photo: bytes, images: int) -> None:
        self._client, self._images, self._sent = client, images, 0
        self._files = [(f"{number}.jpg", photo) for number in range(JOB_IMAGES)]

    def send(self, stop: threading.Event) -> None:
        """Send until all are sent, or until asked to stop."""
        while self._sent < self._images and not stop.is_set():
            answer = self._client.post_batch(self._files, width=64)
            if answer.status_code == 202:
                self._sent += len(self._files)
            else:
                stop.wait(min(MAX_RETRY_SECONDS, float(answer.headers.get("Retry-After", "1"))))

    def ended(self) -> int:
        """Return how many of its images ended; those that have not are all in its newest jobs."""
        sent = self._sent
        return sent - sum(each["total"] - each["done"] - each["failed"] for each in jobs(self._client))


def ended(client: ApiClient) -> int:
    """Return how many images of a caller's newest jobs ended."""
    return sum(each["done"] + each["failed"] for each in jobs(client))


def jobs(client: ApiClient) -> list[dict[str, int]]:
    """Return a caller's newest jobs."""
    found: list[dict[str, int]] = client.get("/api/jobs", limit=100).json()["jobs"]
    return found


def _arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="Of each phase.")
    parser.add_argument("--slow", type=int, default=100, help="Images of `slow`.")
    parser.add_argument(
        "--slow-seconds", type=float, default=18.0, help="Of each of them; a worker waits 20 s at most."
    )
    parser.add_argument(
        "--many", type=int, default=100_000, help="Images of `many`, if there is time for them."
    )
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
