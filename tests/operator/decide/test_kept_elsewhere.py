"""Jobs that a tool keeps from git outlive their time: it would make and run them again."""

import pytest

from support.operator.world import World, spec


def finish(world: World, **meta: dict[str, str]) -> None:
    world.create(spec(1, ttl_seconds_after_finished=10), **meta)
    world.settle()
    world.advance(11)
    world.reconcile()


@pytest.mark.parametrize(
    "meta",
    [
        {"annotations": {"argocd.argoproj.io/tracking-id": "shop:imagejobs.dev/ImageJob:ns/job"}},
        {"labels": {"argocd.argoproj.io/instance": "shop"}},
        {"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}},
        {"annotations": {"meta.helm.sh/release-name": "shop"}},
    ],
    ids=["argo cd", "argo cd by label", "flux", "helm"],
)
def test_a_job_that_a_tool_keeps_outlives_its_time(world: World, meta: dict[str, dict[str, str]]) -> None:
    finish(world, **meta)
    assert world.job().status.state.final


def test_a_job_that_nobody_keeps_is_deleted(world: World) -> None:
    finish(world, annotations={"example.com/note": "hello"}, labels={"team": "shop"})
    assert not world.store.jobs
