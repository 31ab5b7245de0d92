"""POST /api/face-crop: as center-crop, around the faces."""

import pytest

from forms import JPEG


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
