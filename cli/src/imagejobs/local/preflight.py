"""Asks the person's own Redis and S3 one question each before anything starts, and names what is wrong.

Without it a wrong password shows as a program that was not ready within 90 s.
"""

import asyncio
import os
from collections.abc import Awaitable, Mapping

from imagejobs.local.environment import BUCKET, proxy_exceptions
from imagejobs.local.errors import BadSettings
from imagejobs.local.options import LocalOptions
from imagejobs_contract.errors import ImageJobsError
from imagejobs_contract.reader import Reader
from imagejobs_contract.runtime.settings import S3Settings, read_redis_url

SECONDS = 4.0
"""For both answers."""


def check(options: LocalOptions) -> None:
    """Check the servers that the person named.

    Raises:
        BadSettings: A variable cannot be read, or its server does not answer or refuses.
    """
    if not (options.redis_url or options.s3_endpoint):
        return
    reader = Reader({name: value for name, value in _environ(options).items() if value})
    redis_url, s3 = read_redis_url(reader), S3Settings.read(reader)
    if reader.faults:
        raise BadSettings([str(each) for each in reader.faults])
    # The S3 client reads the variables of this process, as the programs read those that they are given.
    for name, value in proxy_exceptions(options.environ).items():
        os.putenv(name, value)
    if faults := asyncio.run(
        _ask(redis_url if options.redis_url else "", s3 if options.s3_endpoint else None)
    ):
        raise BadSettings(faults)


def _environ(options: LocalOptions) -> Mapping[str, str]:
    return {**options.environ, "S3_BUCKET": options.environ.get("S3_BUCKET") or BUCKET}


async def _ask(redis_url: str, s3: S3Settings | None) -> list[str]:
    """Return the faults; "" and None ask nothing."""
    # Installed with the programs of local mode only: `check_installed` was called before.
    from imagejobs_contract.redis.task_queue import RedisTaskQueue
    from imagejobs_contract.s3.objects import S3Objects

    queue = RedisTaskQueue(redis_url) if redis_url else None
    questions = [_fault("REDIS_URL", queue.check())] if queue else []
    questions += [_fault("S3_ENDPOINT", S3Objects(s3).check())] if s3 else []
    found = await asyncio.gather(*questions)
    if queue:
        await queue.close()
    return [each for each in found if each]


async def _fault(name: str, question: Awaitable[None]) -> str:
    try:
        async with asyncio.timeout(SECONDS):
            await question
    except TimeoutError:
        return f"{name}: no answer within {SECONDS:g} s"
    except ImageJobsError as ex:
        return f"{name}: {getattr(ex, 'public', '') or ex.message}"
    return ""
