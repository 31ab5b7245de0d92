"""Who works on a job, where a machine has a pool and processes, and where a cluster has a pool and Jobs."""

from datetime import UTC, datetime

import pytest

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.spec import Execution, Manifest, Spec
from imagejobs_operator.decide.plan_input import Policy
from imagejobs_operator.decide.runner_choice import Runner, fixed_runner

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("total", "execution", "local", "cluster"),
    [
        (1, "Auto", Runner.POOL, None),
        (17, "Auto", Runner.POOL, Runner.JOB),
        (500, "Auto", Runner.POOL, Runner.JOB),
        (1, "Job", Runner.JOB, Runner.JOB),
        (500, "Pool", Runner.POOL, Runner.POOL),
        (501, "Auto", Runner.JOB, Runner.JOB),
        (501, "Pool", Runner.NOBODY, Runner.NOBODY),
    ],
)
def test_small_jobs_stay_in_the_pool_of_one_machine(
    total: int, execution: str, local: Runner, cluster: Runner | None
) -> None:
    images = {"manifest": Manifest("lists/a", total)} if total > 500 else {"items": (Item("a", "a"),) * total}
    job = ImageJob(JobKey("default", "holiday"), Spec(**images, execution=Execution(execution)), uid="u")
    assert fixed_runner(job, Policy(NOW, jobs_from=501)) is local
    assert fixed_runner(job, Policy(NOW)) is cluster
