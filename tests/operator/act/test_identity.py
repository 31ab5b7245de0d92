"""Jobs of one name never meet: in two namespaces, in two releases on one bucket, or one after the other."""

from dataclasses import replace

import pytest

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.names import FINALIZER, JobKey
from imagejobs_contract.model.spec import DeletionPolicy, Execution, Output
from imagejobs_contract.model.status import State
from support.operator.world import World, outcome, spec

DELETE = Output(deletion_policy=DeletionPolicy.DELETE)
FOLDER = "outputs/nightly"
"""Where the last release put the outputs of each job of this name."""


def begin(world: World, namespace: str, **changes: object) -> ImageJob:
    made = ImageJob(JobKey(namespace, "nightly"), spec(1, output=DELETE), finalizers=(FINALIZER,))
    return world.run(world.store.create(replace(made, **changes)))


def finish(world: World, job: ImageJob) -> str:
    """Let the job end, as a worker does; return the key of its result."""
    world.reconcile(job.key)
    (task,) = world.queue.tasks.values()
    key = f"{task.prefix}/photo-0.jpg"
    world.objects.keep(key, job.key.namespace.encode(), uid=job.uid)
    while not world.store.jobs[job.key].status.state.final:
        world.work()
        world.advance(1)
        world.reconcile(job.key)
    return key


def delete(world: World, key: JobKey) -> None:
    world.store.user_delete(key)
    world.reconcile(key)
    assert key not in world.store.jobs


def test_two_namespaces_keep_their_own_results(world: World) -> None:
    one, two = begin(world, "team-a"), begin(world, "team-b")
    kept, gone = finish(world, one), finish(world, two)
    assert world.objects.data == {kept: b"team-a", gone: b"team-b"}
    delete(world, two.key)
    assert world.objects.data == {kept: b"team-a"}


def test_two_releases_on_one_bucket_keep_their_own_results(world: World) -> None:
    other = World()
    other.objects, other.store.made = world.objects, 100  # uids are never equal
    other.restart()
    kept, gone = finish(world, begin(world, "team-a")), finish(other, begin(other, "team-a"))
    delete(other, JobKey("team-a", "nightly"))
    assert (list(world.objects.data), kept != gone) == ([kept], True)
    other.close()


def test_a_name_that_is_used_again_replaces_nothing_of_the_first_job(world: World) -> None:
    kept = finish(world, begin(world, "team-a", spec=spec(1), finalizers=()))
    world.store.user_delete(JobKey("team-a", "nightly"))
    gone = finish(world, begin(world, "team-a"))
    assert world.objects.data.keys() == {kept, gone}
    delete(world, JobKey("team-a", "nightly"))
    assert list(world.objects.data) == [kept]


@pytest.mark.parametrize("ended", [True, False], ids=["ended", "half done"])
def test_a_job_that_the_last_release_began_ends_here_and_takes_only_its_own_outputs_along(
    world: World, ended: bool
) -> None:
    job = begin(world, "team-a", spec=spec(2, output=DELETE, execution=Execution.POOL))
    world.objects.keep(f"{FOLDER}/photo-0.jpg", b"old", uid=job.uid)
    world.objects.keep(f"{FOLDER}/photo-1.jpg", b"of the job of that name in team-b", uid="another")
    world.reconcile(job.key)
    first, second = world.queue.tasks
    world.queue.ack(first, outcome(0, prefix=FOLDER))
    if ended:
        world.objects.keep(f"{job.prefix}/photo-1.jpg", b"new", uid=job.uid)
        world.queue.ack(second, outcome(1, prefix=job.prefix))
        world.advance(5)
        world.reconcile(job.key)
        status = world.store.jobs[job.key].status
        assert (status.state, [each.outputs[0].key for each in status.outcomes]) == (
            State.SUCCEEDED,
            [f"{FOLDER}/photo-0.jpg", f"{job.prefix}/photo-1.jpg"],
        )
    world.store.user_delete(job.key)
    world.reconcile(job.key)
    world.advance(3600)
    world.reconcile(job.key)
    assert job.key not in world.store.jobs
    assert list(world.objects.data) == [f"{FOLDER}/photo-1.jpg"]
