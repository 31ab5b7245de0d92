"""Acts as operator and worker for tests of the API: gives each image of every stored job an outcome.

Nothing is decoded: a file that starts like an image and does not end with `BROKEN` succeeds, and its result
names the size that the job asked for. Nothing is fetched: a URL stands for the object whose key is its path.
"""

import asyncio
import contextlib
import json
import threading
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import Conflict, ImageJobsError, NotFound, TooLarge
from imagejobs_contract.model import limits
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item, read_item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.options import Format, Variant
from imagejobs_contract.model.outcome import Outcome, OutputFile
from imagejobs_contract.model.status import State, Status, final_state, summarise_failures
from imagejobs_contract.ports import Change
from imagejobs_contract.reader import Reader
from imagejobs_contract.redis.board import RedisBoard
from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.s3.objects import S3Objects
from imagejobs_contract.stores.sqlite import SqliteStore
from imagejobs_contract.wire import s3_keys
from imagejobs_contract.wire.manifests import split_lines
from imagejobs_contract.wire.sniff import sniff

BROKEN = b"broken"
MAX_BYTES = 70 * 2**20


class FakeWorker:
    """A thread that finishes all jobs of a store until it is stopped.

    Attributes:
        max_images: How many images of each job it does; None does all.
        silent: Do not announce changes, as if Redis had lost them.
    """

    def __init__(self, path: Path, redis_url: str, s3: S3Settings) -> None:
        self.max_images: int | None = None
        self.silent = False
        self._stopped, self._paused, self._round = threading.Event(), threading.Event(), threading.Lock()
        self._path, self._redis_url, self._s3 = path, redis_url, s3
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def start(self) -> "FakeWorker":
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(20)

    def pause(self) -> None:
        """Leave all jobs as they are; when this returns, no round that had begun still writes."""
        self._paused.set()
        with self._round:
            pass

    def resume(self) -> None:
        """Finish jobs again."""
        self._paused.clear()

    def jobs(self) -> list[ImageJob]:
        """Return every job there is."""
        return asyncio.run(_read_jobs(self._path))

    def job(self, name: str) -> ImageJob:
        """Return a job."""
        return next(job for job in self.jobs() if job.key.name == name)

    async def _run(self) -> None:
        store, board, objects = (
            SqliteStore(self._path),
            RedisBoard(self._redis_url),
            S3Objects.from_settings(self._s3),
        )
        ended: set[JobKey] = set()
        while not self._stopped.is_set():
            await asyncio.sleep(0.01)  # it has no watch; this is how late it works
            with self._round:
                for key in set() if self._paused.is_set() else set(await store.keys()) - ended:
                    if await self._finish(store, board, objects, key):
                        ended.add(key)
        await store.close()
        await board.close()

    async def _finish(self, store: SqliteStore, board: RedisBoard, objects: S3Objects, key: JobKey) -> bool:
        try:
            job = await store.get(key)
            total = job.spec.total if self.max_images is None else min(self.max_images, job.spec.total)
            items = await _read_items(objects, job)
            outcomes = [await _make_outcome(objects, job, n, items[n]) for n in range(total)]
            return await self._write(store, board, objects, job, outcomes)
        except (Conflict, NotFound):
            return False

    async def _write(
        self,
        store: SqliteStore,
        board: RedisBoard,
        objects: S3Objects,
        job: ImageJob,
        outcomes: list[Outcome],
    ) -> bool:
        failed = sum(not each.succeeded for each in outcomes)
        counts = Counts(job.spec.total, 0, len(outcomes) - failed, failed)
        await _ignore_errors(board.put_shard(job.key, job.uid, 0, counts, outcomes))
        final = counts.done == counts.total
        status = _make_status(job, counts, outcomes, final)
        if final and len(outcomes) > limits.MAX_STATUS_OUTCOMES:
            lines = "".join(each.to_line() + "\n" for each in outcomes)
            await objects.put(
                s3_keys.results(job.uid, 0), lines.encode(), content_type="application/x-ndjson"
            )
        if status != job.status:
            await store.put_status(job, status)
        if not self.silent:
            await _ignore_errors(board.announce(Change(job.key, job.uid, status.state, counts)))
        return final


async def _read_jobs(path: Path) -> list[ImageJob]:
    store = SqliteStore(path)
    try:
        return list((await store.list(None, limit=1000)).jobs)
    finally:
        await store.close()


async def _read_items(objects: S3Objects, job: ImageJob) -> list[Item]:
    if job.spec.manifest is None:
        return list(job.spec.items)
    data, _ = await objects.get(job.spec.manifest.key, MAX_BYTES)
    return [read_item(Reader(json.loads(line))) for line in split_lines(data)]


async def _ignore_errors(call) -> None:
    with contextlib.suppress(ImageJobsError):
        await call


def _make_status(job: ImageJob, counts: Counts, outcomes: list[Outcome], final: bool) -> Status:
    failures, codes = summarise_failures(outcomes)
    few = job.spec.total <= limits.MAX_STATUS_OUTCOMES
    return replace(
        job.status,
        observed_generation=job.generation,
        state=final_state(counts, None)[0] if final else State.RUNNING,
        counts=counts if final else Counts(counts.total),  # a status lags behind the board
        failures=failures,
        failure_codes=codes,
        outcomes=tuple(outcomes) if few and final else (),
        results_key=None if few or not final else f"{s3_keys.job(job.uid)}results/",
        attempt=1,
    )


async def _make_outcome(objects: S3Objects, job: ImageJob, index: int, item: Item) -> Outcome:
    try:
        source, _ = await objects.get(item.key or urlsplit(item.url).path[1:], MAX_BYTES)
    except NotFound:
        return Outcome(index, item.name, code=Code.SOURCE_NOT_FOUND)
    except TooLarge:
        return Outcome(index, item.name, code=Code.FILE_TOO_LARGE)
    if sniff(source) is None:
        return Outcome(index, item.name, code=Code.NOT_AN_IMAGE)
    if source.endswith(BROKEN):
        return Outcome(index, item.name, code=Code.CORRUPT_IMAGE, message="The image ends too early.")
    outputs = [await _put_output(objects, job, index, item, each, source) for each in job.spec.variants]
    return Outcome(index, item.name, outputs=tuple(outputs), bytes_in=len(source))


async def _put_output(
    objects: S3Objects, job: ImageJob, index: int, item: Item, variant: Variant, source: bytes
) -> OutputFile:
    form = variant.format or Format(sniff(source) or "jpeg")
    key = s3_keys.output(job.prefix, index, item.name, variant.name, form)
    data = f"{variant.width}x{variant.height} of {len(source)} bytes".encode()
    await objects.put(key, data, content_type=form.content_type, metadata={s3_keys.MADE_BY: job.uid})
    return OutputFile(variant.name, key, variant.width or 1, 300, form, len(data))
