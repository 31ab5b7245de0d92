"""POST /api/face-crop: as center-crop, around the faces."""

import httpx2
import pytest

from support.api.forms import JPEG
from support.api.process import Api


def crop(service, **options):
    return service.http.post("/api/face-crop", files={"image": ("photo.jpg", JPEG)}, data=options)


def test_a_face_crop_covers_around_the_faces(service):
    answer = crop(service, width=40, height=30, no_face="center")
    job = service.stand_in.job(answer.json()["job_id"])
    assert job.to_body()["spec"]["variants"] == [
        {"name": "default", "width": 40, "height": 30, "fit": "cover", "gravity": "face", "noFace": "center"}
    ]


@pytest.mark.parametrize("options", [{"gravity": "north"}, {"fit": "fill"}, {"no_face": "smile"}], ids=str)
def test_what_is_settled_or_unknown_is_refused(service, options):
    answer = crop(service, width=40, height=30, **options)
    assert answer.status_code == 400
    assert [fault["where"] for fault in answer.json()["errors"]] == list(options)


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
    answer = httpx2.post(
        f"{faceless.url}/api/{call}",
        files={"image": ("photo.jpg", JPEG)},
        data={"width": 40, "height": 30} | options,
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_options")
    (fault,) = answer.json()["errors"]
    assert fault["where"] == "gravity"
    assert "imagejobs-worker[face]" in fault["what"]


def test_without_faces_all_else_is_taken(faceless):
    crop = {
        "width": 40,
        "height": 30,
        "gravity": "face",
    }  # nothing is cut with this fit, so that nobody looks for faces
    answer = httpx2.post(
        f"{faceless.url}/api/resize",
        files={"image": ("photo.jpg", JPEG)},
        data=crop,
        headers={"Prefer": "respond-async"},
    )
    assert answer.status_code == 202
