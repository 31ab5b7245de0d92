"""The answers of a pool worker to probes."""

import httpx2
import pytest

from imagejobs_worker.pool.heartbeat import Liveness
from support.clock.waiting import eventually
from support.servers.data_servers import free_ports


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("idle", "alive"), [(0, True), (329, True), (330, False)])
def test_it_lives_while_it_looks_for_work_or_may_still_be_at_an_image(idle, alive):
    clock = Clock()
    liveness = Liveness(image_seconds=30.0, clock=clock)
    clock.now += 500
    liveness.record_poll(connected=True)
    clock.now += idle
    assert bool(liveness.check_alive()) is not alive


def status(port: int, path: str) -> int:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code
    except httpx2.TransportError:
        return 0


def until(port: int, path: str, wanted: int) -> None:
    eventually(lambda: status(port, path) == wanted, seen=lambda: (path, status(port, path)))


def test_a_worker_without_a_queue_lives_and_is_not_ready(workers):
    port = free_ports(["health"])["health"]
    workers._start("pool", {"HEALTH_LISTEN": f"127.0.0.1:{port}", "REDIS_URL": "redis://127.0.0.1:9/0"})
    until(port, "/healthz", 200)
    until(port, "/readyz", 503)


def test_a_worker_with_a_queue_is_ready(workers):
    port = free_ports(["health"])["health"]
    workers.pool(HEALTH_LISTEN=f"127.0.0.1:{port}")
    until(port, "/readyz", 200)
