"""GET /api/usage of a whole stack: counted once, over a killed operator, an empty Redis and a restart."""

import os
import signal
from datetime import UTC, datetime

import redis

from support.clock.waiting import eventually
from support.servers import local_stack


def used(client) -> dict:
    answer = client.get("/api/usage")
    assert answer.status_code == 200, answer.text
    return answer.json()


def wait_for_jobs(client, count: int) -> dict:
    eventually(lambda: used(client)["total"]["jobs"] == count, 60, seen=lambda: used(client)["total"])
    return used(client)


def test_usage_is_counted_once_and_outlives_all_that_may_be_lost(tmp_path):
    photo = local_stack.photo(300, 200)
    with local_stack.running(tmp_path / "data", "--workers", "1") as stack:
        with local_stack.client(stack) as client:
            ids = [client.job_id(photo, width=100) for _ in range(3)]
            before = wait_for_jobs(client, 3)
            (day,) = before["days"]
            assert day["day"] == datetime.now(UTC).date().isoformat()
            assert (day["images"], day["failed"], day["bytes_in"]) == (3, 0, 3 * len(photo))
            assert day["bytes_saved"] == day["bytes_in"] - day["bytes_out"] > 0
            assert day["cpu_seconds"] > 0
            client.request("DELETE", f"/api/jobs/{ids[0]}")
            client.batch({"a.jpg": photo, "notes.txt": b"hello"}, width=100)
            with redis.Redis.from_url(stack.redis_url) as cache:
                cache.flushall()
            os.kill(stack.part("operator"), signal.SIGKILL)
            total = wait_for_jobs(client, 4)["total"]
            assert (total["images"], total["failed"]) == (4, 1)
        assert stack.stop(signal.SIGINT) == 0
        stack.start()
        with local_stack.client(stack) as client:
            client.job_id(photo, width=100)
            assert wait_for_jobs(client, 5)["total"]["images"] == 5
