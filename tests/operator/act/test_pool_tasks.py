"""What a task takes over from its job."""

from imagejobs_contract.model import names
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.options import Variant
from imagejobs_contract.model.spec import Spec
from imagejobs_contract.wire.origin import Origin
from imagejobs_operator.act import pool_tasks

SPEC = Spec(items=(Item("a.jpg", "uploads/x/0"),), variants=(Variant(),))


def made(**labels: str) -> list[str]:
    job = ImageJob(
        JobKey("default", "j"),
        SPEC,
        uid="u",
        labels={f"{names.GROUP}/{name}": value for name, value in labels.items()},
    )
    return [task.caller for task in pool_tasks.make_tasks(job, [0], 1, 0.0, Origin.of(job))]


def test_a_task_says_whose_it_is() -> None:
    assert made(caller="ada") == ["ada"]


def test_a_job_that_nobody_owns_makes_tasks_that_nobody_owns() -> None:
    assert made() == [""]
