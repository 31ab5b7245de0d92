"""Examples of the calls that take images."""

import falcon

from imagejobs_api.openapi.examples.names import (
    API,
    BATCH,
    IMAGE_JOB,
    NOT_AN_IMAGE,
    WATCH,
    problem,
    progress_url,
    signed_url,
)
from imagejobs_api.openapi.operation import Example

SITE = "https://images.example.org"


def _done(name: str, width: int, height: int, size: int) -> dict[str, object]:
    facts = {"width": width, "height": height, "format": "jpeg", "bytes": size, "kept_original": False}
    return {
        "job_id": IMAGE_JOB,
        "state": "Succeeded",
        "progress_url": progress_url(IMAGE_JOB),
        "watch_url": WATCH,
        "download_url": signed_url(name),
        **facts,
        "error": None,
    }


def _waits(names: list[str]) -> dict[str, object]:
    images = [
        {
            "job_id": f"{BATCH}-{n}",
            "name": name,
            "state": "Pending",
            "download_url": f"{API}/api/download/{BATCH}-{n}",
            "progress_url": progress_url(f"{BATCH}-{n}"),
            "kept_original": None,
            "error": None,
        }
        for n, name in enumerate(names)
    ]
    return {
        "batch_job_id": BATCH,
        "experimental": True,
        "state": "Pending",
        "progress_url": progress_url(BATCH),
        "watch_url": WATCH,
        "image_jobs": images,
    }


_PENDING = {
    "job_id": IMAGE_JOB, "state": "Pending", "progress_url": progress_url(IMAGE_JOB), "watch_url": WATCH,
    "download_url": f"{API}/api/download/{IMAGE_JOB}",
    "width": None, "height": None, "format": None, "bytes": None, "kept_original": None,
    "error": None,
}  # fmt: skip
_BATCH = _waits(["bridge.jpg", "portrait.jpg"])
_BATCH["image_jobs"] = [
    *_waits(["bridge.jpg", "portrait.jpg"])["image_jobs"],  # type: ignore[misc]
    {
        "job_id": f"{BATCH}-2", "name": "notes.txt", "state": "Failed", "download_url": None,
        "progress_url": progress_url(f"{BATCH}-2"), "kept_original": None,
        "error": NOT_AN_IMAGE,
    },
]  # fmt: skip
_FAULTS = [
    {
        "where": "colour",
        "what": "unknown; known are background, enlarge, fit, format, frames, gravity, height, "
        "keep_metadata, max_size, ...",
    },
    {"where": "width", "what": "'abc' is not a whole number from 1 to 16383"},
]

_SIZES = [
    {
        "variant": name, "width": width, "height": height, "format": "jpeg", "bytes": size,
        "kept_original": False, "download_url": signed_url(f"large-{name}.jpg"),
    }
    for name, width, height, size in (("thumb", 200, 200, 9107), ("web", 800, 450, 61245))
]  # fmt: skip

EXAMPLES = {
    "resizeImage": (
        Example("resized", "A photo, 400 pixels wide", 200, _done("large.jpg", 400, 225, 19236),
            fields={"image": "large.jpg", "width": 400}),
        Example(
            "several", "A thumbnail and a larger one of the same photo", 200,
            _done("large-thumb.jpg", 200, 200, 9107) | {"outputs": _SIZES},
            fields={
                "image": "large.jpg",
                "variants": '[{"name": "thumb", "width": 200, "height": 200, "fit": "cover"}, '
                '{"name": "web", "width": 800}]',
            },
        ),
        Example(
            "placeholder", "The same with what a page shows until it comes", 200,
            _done("large.jpg", 400, 225, 19236)
            | {"thumbhash": "3OcRJYB4d3h/iIeHeEh3eIhw+j2w", "main_colour": "#8a9a5b"},
            fields={"image": "large.jpg", "width": 400, "placeholder": True},
        ),
        Example(
            "later", "The same without waiting for it", 202, _PENDING, {"Prefer": "respond-async"},
            {"image": "large.jpg", "width": 400}
        ),
        Example(
            "faults", "Options that are wrong", 400,
            problem(
                "invalid_options", 400, "Some options are unknown, malformed or contradictory.",
                "; ".join(f"{each['where']}: {each['what']}" for each in _FAULTS), errors=_FAULTS,
            ),
            fields={"image": "large.jpg", "width": "abc", "colour": "red"}, is_invalid=True,
        ),
        Example(
            "text", "A text, called an image", 415,
            problem(
                "not_an_image", 415, "The file is not an image.",
                errors=[{"where": "image", "what": "notes.txt: The file is not an image."}]
            ),
            fields={"image": "notes.txt"}, is_invalid=True,
        ),
    ),
    "centerCropImage": (
        Example(
            "square", "A square", 200, _done("large.jpg", 300, 300, 20901),
            fields={"image": "large.jpg", "width": 300, "height": 300}
        ),
    ),
    "faceCropImage": (
        Example(
            "portrait", "A square around the faces, or around the centre where there are none", 200,
            _done("portrait.jpg", 300, 300, 17880),
            fields={"image": "portrait.jpg", "width": 300, "height": 300, "no_face": "center"},
        ),
    ),
    "sampleImage": (
        Example(
            "seen", "A photo as a WebP of quality 60", 200,
            {**_done("large.webp", 400, 225, 12044), "format": "webp"},
            fields={"image": "large.jpg", "width": 400, "format": "webp", "quality": 60},
        ),
        Example(
            "again", "The same photo, in half the width", 200,
            {**_done("large.webp", 200, 113, 4310), "format": "webp"},
            fields={"image_of": IMAGE_JOB, "width": 200, "format": "webp", "quality": 60},
        ),
    ),
    "resizeBatch": (
        Example(
            "three", "Three files, one of which is no image", 202, _BATCH,
            fields={"images": ["bridge.jpg", "portrait.jpg", "notes.txt"], "width": 400},
        ),
        Example("texts", "No image at all", 415, problem(
            "not_an_image", 415, "The file is not an image.",
            errors=[{"where": "images[0]", "what": "notes.txt: The file is not an image."}]
        ), fields={"images": ["notes.txt"]}, is_invalid=True),
    ),
    "listPresets": (Example("presets", "The presets of this service", 200, {"presets": []}),),
    "uploadFromUrl": (
        Example("one", "One image, answered like a resize", 200, _done("bridge.jpg", 400, 327, 24345),
            fields={
            "url": f"{SITE}/bridge.jpg", "width": 400
        }),
        Example("many", "Several, answered like a batch", 202, _waits(["bridge.jpg", "absent.jpg"]), fields={
            "urls": [f"{SITE}/bridge.jpg", f"{SITE}/absent.jpg"], "width": 400
        }),
        Example("form", "One image, as a form", 200, _done("bridge.jpg", 400, 327, 24345), fields={
            "url": f"{SITE}/bridge.jpg", "width": 400
        }, content_type=falcon.MEDIA_URLENCODED),
        Example("private", "An address that is not public", 400, problem(
            "invalid_options", 400, "Some options are unknown, malformed or contradictory.",
            "url: http://10.0.0.1/: 10.0.0.1 is not a public host",
            errors=[{"where": "url", "what": "http://10.0.0.1/: 10.0.0.1 is not a public host"}],
        ), fields={"url": "http://10.0.0.1/"}, is_invalid=True),
    ),
}  # fmt: skip
