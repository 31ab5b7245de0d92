"""POST /api/face-crop: as center-crop, around the faces."""

import pytest

from support.api.client import ASYNC, fault_names
from support.api.process import Api


def test_a_face_crop_covers_around_the_faces(service):
    answer = service.client.post_image(call="face-crop", width=40, height=30, no_face="center")
    job = service.worker.job(answer.json()["job_id"])
    assert job.to_body()["spec"]["variants"] == [
        {"name": "default", "width": 40, "height": 30, "fit": "cover", "gravity": "face", "noFace": "center"}
    ]


@pytest.mark.parametrize("options", [{"gravity": "north"}, {"fit": "fill"}, {"no_face": "smile"}], ids=str)
def test_what_is_settled_or_unknown_is_refused(service, options):
    answer = service.client.post_image(call="face-crop", width=40, height=30, **options)
    assert answer.status_code == 400
    assert fault_names(answer) == list(options)


@pytest.fixture(scope="module")
def faceless(service):
    """An API whose workers find no faces."""
    api = Api(service.environ | {"FIND_FACES": "false"})
    yield api
    api.stop()


@pytest.mark.parametrize(
    ("call", "options"),
    [("face-crop", {}), ("resize", {"fit": "cover", "gravity": "face"})],
    ids=["face-crop", "gravity"],
)
def test_where_no_faces_are_found_it_is_said_at_once_and_nothing_is_kept(faceless, service, call, options):
    answer = service.client.at(faceless.url).post_image(call=call, width=40, height=30, **options)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_options")
    (fault,) = answer.json()["errors"]
    assert fault["where"] == "gravity"
    assert "imagejobs-worker[face]" in fault["what"]


def test_without_faces_all_else_is_taken(faceless, service):
    # Nothing is cut with this fit, so no faces are needed.
    answer = service.client.at(faceless.url).post_image(width=40, height=30, gravity="face", headers=ASYNC)
    assert answer.status_code == 202
