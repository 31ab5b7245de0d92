"""POST /api/center-crop: a resize whose fit is settled."""

import pytest

from support.api import forms
from support.api.forms import JPEG


def test_a_crop_is_a_resize_that_covers_from_the_centre(service):
    answer = service.client.post_image(call="center-crop", width=40, height=30, quality=70, name="hero.jpg")
    assert (answer.status_code, answer.json()["state"], answer.json()["width"]) == (200, "Succeeded", 40)
    job = service.worker.job(answer.json()["job_id"])
    assert job.to_body()["spec"]["variants"] == [
        {"name": "default", "width": 40, "height": 30, "fit": "cover", "quality": 70}
    ]
    assert job.spec.items[0].name == "hero.jpg"


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({}, ["height", "width"]),
        ({"width": 4}, ["height"]),
        ({"width": 4, "height": ""}, ["height"]),
        ({"width": 4, "height": "x"}, ["height"]),
        ({"width": 4, "height": 4, "fit": "cover"}, ["fit"]),
        ({"width": 4, "height": 4, "fit": "fill", "gravity": "north"}, ["fit", "gravity"]),
        ({"width": 4, "fit": "fill"}, ["fit", "height"]),
        ({"width": 4, "height": 4, "colour": "red"}, ["colour"]),
    ],
    ids=str,
)
def test_both_sides_are_needed_and_nothing_that_is_settled(service, options, where):
    before = (len(service.worker.jobs()), service.keys("uploads/"))
    answer = service.client.post_image(call="center-crop", **options)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_options")
    assert sorted(fault["where"] for fault in answer.json()["errors"]) == where
    assert (len(service.worker.jobs()), service.keys("uploads/")) == before


def test_a_crop_waits_as_its_caller_prefers(service):
    service.worker.pause()
    content = forms.body(forms.file("image", JPEG), forms.field("width", "4"), forms.field("height", "4"))
    answer = service.http.post(
        "/api/center-crop", content=content, headers=forms.headers() | {"Prefer": "respond-async"}
    )
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "respond-async")
