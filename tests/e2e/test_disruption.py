"""Pods die in the middle of the work: no image is lost, none is done twice over."""

import time

import pytest

from support.cluster import kind_cluster as e2e

IMAGES = 60


@pytest.fixture(scope="module")
def keys(s3):
    """Photos that take long enough to be caught in the middle."""
    return e2e.put_photos(s3, "disruption", IMAGES, e2e.photo(3000, 2000))


def begin(name, keys, execution):
    e2e.apply(
        e2e.imagejob(
            name,
            keys,
            execution=execution,
            parallelism=2,
            itemsPerPod=30,
            variants=[{"width": 1200, "format": "webp"}],
        )
    )
    e2e.until("its first result", lambda: e2e.succeeded_so_far(name) > 0, 90)
    assert e2e.succeeded_so_far(name) < IMAGES, "it was over before it could be disturbed"


def nothing_lost(s3, name):
    status = e2e.wait_until_finished(name, 240)
    assert (status["state"], status["items"]["succeeded"], status["items"]["failed"]) == (
        "Succeeded",
        IMAGES,
        0,
    )
    assert len(e2e.list_outputs(s3, name)) == IMAGES
    assert e2e.outcome_indexes(s3, e2e.read("imagejob", name)["metadata"]["uid"]) == list(range(IMAGES))


@pytest.mark.parametrize("execution", ["Pool", "Job"])
@pytest.mark.parametrize("component", ["operator", "dev-valkey"])
def test_a_job_survives_the_loss_of(s3, keys, component, execution):
    name = f"without-{component}-{execution.lower()}"
    begin(name, keys, execution)
    e2e.delete_pods(component)
    nothing_lost(s3, name)


def test_a_pool_job_survives_the_loss_of_all_workers(s3, keys):
    begin("without-workers", keys, "Pool")
    e2e.delete_pods("pool")
    nothing_lost(s3, "without-workers")


def test_a_job_survives_the_loss_of_its_pods(s3, keys):
    begin("without-pods", keys, "Job")
    e2e.kubectl(
        "delete",
        "pods",
        "--selector",
        "imagejobs.dev/imagejob=without-pods",
        "--field-selector=status.phase=Running",
        "--wait=false",
    )
    nothing_lost(s3, "without-pods")


def test_the_api_takes_images_again_soon_after_redis_is_lost(release, tmp_path):
    (tmp_path / "a.jpg").write_bytes(e2e.photo())
    e2e.delete_pods("dev-valkey")
    started = time.monotonic()

    def taken():
        try:
            return (
                e2e.curl("-F", f"image=@{tmp_path}/a.jpg", "-F", "width=100", f"{e2e.API}/api/resize").get(
                    "state"
                )
                == "Succeeded"
            )
        except (AssertionError, ValueError):
            return False

    e2e.until("an image goes through", taken, 60, every=1)
    assert time.monotonic() - started < 60
