"""What the operator tells of itself to probes."""

import pytest

from imagejobs_operator.health import Health


@pytest.mark.parametrize(("age", "alive"), [(0.0, True), (299.0, True), (300.0, False)])
def test_it_lives_while_no_job_waits_for_long(age: float, alive: bool) -> None:
    health = Health()
    health.begin_work(lambda: age)
    assert bool(health.check_alive()) is not alive


def test_it_is_ready_once_it_could_list_its_jobs_and_until_it_cannot() -> None:
    health = Health()
    health.begin_waiting()
    assert health.check_ready() == "", "it has nothing to list while another one leads"
    health.begin_work(lambda: 0.0)
    assert health.check_ready()
    health.record_listing()
    assert health.check_ready() == ""
    health.record_listing("may not list imagejobs")
    assert health.check_ready() == "may not list imagejobs"
