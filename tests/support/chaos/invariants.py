"""What must hold once the faults of a run are over, and again once its jobs are deleted."""

import io
import json
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from imagejobs_contract.codes import Code
from imagejobs_contract.wire import redis_keys
from support.api.client import ApiClient
from support.chaos.load import WIDTH, Accepted, Load
from support.chaos.machine import Machine
from support.chaos.plan import Target
from support.clock.waiting import happens

LINES = {"Accept": "application/x-ndjson"}
OUTPUTS = "outputs/"
REST_SECONDS = 30.0
"""How long the traces of ended jobs may take to go: a resync, a lease, a process that ends."""
DELETED_SECONDS = 90.0
"""How long deleted jobs may take to go: a failed one goes LEASE_SECONDS plus 49 s after its end."""
FOREVER = -1
"""What Redis answers about a key without a time to live."""
PER_JOB = ("ij:progress:", "ij:items:", "ij:sent:")
STANDING = frozenset(
    {
        *(redis_keys.TASKS, redis_keys.DONE, redis_keys.CHANGES, redis_keys.WORKERS, redis_keys.SLOTS),
        *(redis_keys.ACCOUNTS, redis_keys.SEEN, redis_keys.WAKE, redis_keys.CHECK),
    }
)
"""Keys that do not belong to jobs."""


def wrong_with_jobs(machine: Machine, client: ApiClient, load: Load, before: set[str]) -> Iterator[str]:
    """Yield what is wrong with the ended jobs and their outputs.

    Args:
        before: The keys in the bucket before the run.
    """
    listed = Counter(each["job_id"] for each in client.jobs(limit=100))
    accepted = Counter({each.id: 1 for each in load.accepted})
    if len(accepted) < len(load.accepted):
        yield "two requests with keys of their own made one job"
    if listed != accepted:
        yield f"accepted were {sorted(accepted)}, listed are {sorted(listed.elements())}"
    outputs: list[str] = []
    killed: list[str] = []
    for job in load.accepted:
        lines = _lines(client, job)
        killed += [each["job_id"] for each in lines if _code(each) == Code.OUT_OF_MEMORY]
        outputs += yield from _wrong_with_job(machine, client, job, lines)
    if len(killed) > load.kills:
        yield f"{killed} ended with {Code.OUT_OF_MEMORY}, and {load.kills} children were killed"
    stored = {key for key in machine.keys() - before if key.startswith(OUTPUTS)}
    if Counter(outputs) != Counter(stored):
        differ = sorted(stored ^ set(outputs))[:5]
        yield f"results name {len(outputs)} outputs, {len(stored)} are stored: {differ}"


def _wrong_with_job(
    machine: Machine, client: ApiClient, job: Accepted, lines: Sequence[dict[str, Any]]
) -> Generator[str, None, list[str]]:
    """Yield what is wrong with a job; return the keys of its outputs."""
    progress, facts = client.progress(job.id), client.job(job.id).json()
    failed = job.broken + sum(_code(each) == Code.OUT_OF_MEMORY for each in lines)
    counts = (progress["total"], progress["done"], progress["failed"], progress["progress"])
    if counts != (job.total, job.total - failed, failed, 100):
        codes = {each["job_id"]: _code(each) for each in lines if _code(each)}
        yield f"{job.id} ({job.sending}): {progress}, {codes}"
    if any(facts[name] != progress[name] for name in ("state", "total", "done", "failed")):
        said = f"{facts['state']} {facts['done']}+{facts['failed']}"
        yield f"{job.id}: the job says {said}, its progress {progress}"
    if [each["job_id"] for each in lines] != _names(job, lines):
        yield f"{job.id}: the results are of {[each['job_id'] for each in lines]}"
    states = Counter(each["state"] for each in lines)
    if (states["Succeeded"], states["Failed"]) != counts[1:3]:
        yield f"{job.id}: {counts[1]} done and {counts[2]} failed, and the results are {dict(states)}"
    keys = []
    for line in lines:
        for output in line["outputs"]:
            keys.append(key := urlsplit(output["download_url"]).path.split("/", 2)[2])
            yield from _wrong_with_output(machine, key)
    return keys


def _lines(client: ApiClient, job: Accepted) -> list[dict[str, Any]]:
    return [json.loads(line) for line in client.results(job.id, LINES).text.splitlines()]


def _code(line: dict[str, Any]) -> str | None:
    return (line["error"] or {}).get("code")


def _names(job: Accepted, lines: Sequence[dict[str, Any]]) -> list[str]:
    """Return the ids of all images, in order; a job that is one image has one name only."""
    if job.total == 1 and [each["job_id"] for each in lines] == [job.id]:
        return [job.id]
    return [f"{job.id}-{n}" for n in range(job.total)]


def _wrong_with_output(machine: Machine, key: str) -> Iterator[str]:
    try:
        with Image.open(io.BytesIO(bytes(machine.bucket().get(key).bytes()))) as picture:
            picture.load()
            if picture.width != WIDTH:
                yield f"{key} is {picture.width} pixels wide"
    except OSError as ex:  # not found, too, is one
        yield f"{key} cannot be opened: {ex}"


def wrong_at_rest(machine: Machine, longest_seconds: int = redis_keys.ENDED_SECONDS) -> Iterator[str]:
    """Yield what is still there although no job runs: tasks, leases, processes.

    Args:
        longest_seconds: The longest time to live of an ended job's keys.
    """

    def rests() -> list[str]:
        return _redis_rests(machine, longest_seconds) + _process_rests(machine)

    if not happens(lambda: not rests(), REST_SECONDS):
        yield from rests()


def _redis_rests(machine: Machine, longest_seconds: int) -> list[str]:
    rests = []
    with machine.redis() as client:
        if entries := client.xlen(redis_keys.TASKS):
            rests.append(f"{entries} entries in {redis_keys.TASKS}")
        if client.exists(redis_keys.TASKS):
            groups = client.xinfo_groups(redis_keys.TASKS)
            rests += [
                f"{each['pending']} entries pending of {each['name']}" for each in groups if each["pending"]
            ]
        for key in client.scan_iter("*", count=1000):
            if key.startswith(PER_JOB):
                left = client.ttl(key)
                if left == FOREVER or left > longest_seconds:
                    rests.append(f"{key} stays for {left} s")
            elif key == redis_keys.RUNNING:
                held = {owner: count for owner, count in client.hgetall(key).items() if int(count)}
                rests += [f"{redis_keys.RUNNING} holds {held}"] if held else []
            elif key not in STANDING and not key.startswith(redis_keys.LIMITS):
                rests.append(f"{key} stays")
    return rests


def _process_rests(machine: Machine) -> list[str]:
    rests = [f"shard {pid} runs" for pid in machine.processes(Target.SHARD)]
    workers = len(machine.processes(Target.WORKER))
    zygotes, children = len(machine.processes(Target.ZYGOTE)), len(machine.processes(Target.CHILD))
    if workers != 2 or zygotes > workers or children > 2 * workers:
        rests.append(f"{workers} workers, {zygotes} zygotes, {children} children")
    return rests + [f"a stray: {each}" for each in machine.strays()]


def wrong_after_deletion(machine: Machine, client: ApiClient, load: Load, before: set[str]) -> Iterator[str]:
    """Delete all jobs and their outputs; yield what stays."""
    for job in load.accepted:
        answer = client.request("DELETE", f"/api/jobs/{job.id}?outputs=true")
        if answer.status_code != 204:
            yield f"DELETE {job.id}: {answer.status_code} {answer.text[:200]}"
    if not happens(lambda: not client.jobs(limit=100), DELETED_SECONDS):
        yield f"deleted jobs stay: {[each['job_id'] for each in client.jobs(limit=100)]}"
    if not happens(lambda: not (_file_rests(machine, load, before) or machine.strays()), REST_SECONDS):
        yield from _file_rests(machine, load, before)
        yield from machine.strays()


def wrong_with_usage(machine: Machine, client: ApiClient, load: Load) -> Iterator[str]:
    """Yield what is wrong with the sums of all runs on this machine: each job counts once."""
    machine.used_jobs += len(load.accepted)
    machine.used_images += sum(each.total for each in load.accepted)
    expected = (machine.used_jobs, machine.used_images)
    if not happens(lambda: _usage(client) == expected, REST_SECONDS):
        yield f"the usage is {_usage(client)} jobs and images, {expected} ended"


def _usage(client: ApiClient) -> tuple[int, int]:
    today, day = datetime.now(UTC).date(), timedelta(days=1)  # the clocks of programs may be of another day
    query = {"from": (today - day).isoformat(), "to": (today + day).isoformat()}
    total = client.get("/api/usage", **query).json()["total"]
    return total["jobs"], total["images"] + total["failed"]


def _file_rests(machine: Machine, load: Load, before: set[str]) -> list[str]:
    left = {key for key in machine.keys() - before if not key.startswith("jobs/usage/")}
    uploads = {key.split("/")[1] for key in left if key.startswith("uploads/")}
    # A request that was cut off may leave an upload, which a rule of the bucket deletes after 8 days.
    unowned = uploads - {each.id for each in load.accepted}
    if len(unowned) <= load.cut_off:
        left = {key for key in left if key.split("/")[1] not in unowned}
    return [f"{len(left)} files stay: {sorted(left)[:5]}"] if left else []
