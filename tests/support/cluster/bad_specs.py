"""Specs that no ImageJob may have.

Python's reader and the real API server are held against the same table.
"""

from typing import Any

GOOD: dict[str, Any] = {"items": [{"key": "photos/a.jpg"}]}
MANIFEST = {"key": "manifests/a.jsonl", "count": 3}


def _with(**fields: Any) -> dict[str, Any]:
    return GOOD | fields


def _item(**fields: Any) -> dict[str, Any]:
    return {"items": [fields]}


def _variant(**fields: Any) -> dict[str, Any]:
    return _with(variants=[fields])


BAD_SPECS: dict[str, tuple[dict[str, Any], str]] = {
    "no images": ({}, "spec.items"),
    "an empty list of images": ({"items": []}, "spec.items"),
    "images and a manifest": (_with(manifest=MANIFEST), "spec.items"),
    "too many images": ({"items": [{"key": f"{n}.jpg"} for n in range(501)]}, "spec.items"),
    "an image without a source": (_item(name="a"), "spec.items[0].key"),
    "an image with two sources": (_item(key="a", url="https://example.com/a"), "spec.items[0].key"),
    "an image with an empty name": (_item(name="", key="a"), "spec.items[0].name"),
    "an image with a long name": (_item(name="n" * 256, key="a"), "spec.items[0].name"),
    "a key that begins with a slash": (_item(key="/a"), "spec.items[0].key"),
    "a key with a line feed": (_item(key="a\nb"), "spec.items[0].key"),
    "a key that is too long": (_item(key="k" * 1025), "spec.items[0].key"),
    "a key that is a number": (_item(key=7), "spec.items[0].key"),
    "a file URL": (_item(url="file:///etc/passwd"), "spec.items[0].url"),
    "a URL with a space": (_item(url="https://example.com/a b"), "spec.items[0].url"),
    "a URL that is too long": (_item(url="https://example.com/" + "u" * 2048), "spec.items[0].url"),
    "a manifest without a key": ({"manifest": {"count": 3}}, "spec.manifest.key"),
    "a manifest without a count": ({"manifest": {"key": "m"}}, "spec.manifest.count"),
    "a manifest of nothing": ({"manifest": {"key": "m", "count": 0}}, "spec.manifest.count"),
    "a manifest of too many": ({"manifest": {"key": "m", "count": 1_000_001}}, "spec.manifest.count"),
    "too many variants": (_with(variants=[{"name": f"v{n}"} for n in range(17)]), "spec.variants"),
    "two variants of one name": (_with(variants=[{"name": "a"}, {"name": "a"}]), "spec.variants[1]"),
    "two variants without a name": (_with(variants=[{"width": 1}, {"width": 2}]), "spec.variants[1]"),
    "a variant's name in capitals": (_variant(name="Big"), "spec.variants[0].name"),
    "a variant's name that is too long": (_variant(name="v" * 33), "spec.variants[0].name"),
    "no width": (_variant(width=0), "spec.variants[0].width"),
    "too great a width": (_variant(width=16_384), "spec.variants[0].width"),
    "a broken width": (_variant(width=1.5), "spec.variants[0].width"),
    "too great a height": (_variant(height=16_384), "spec.variants[0].height"),
    "an unknown fit": (_variant(fit="crop"), "spec.variants[0].fit"),
    "cover without a height": (_variant(fit="cover", width=100), "spec.variants[0].fit"),
    "contain without a width": (_variant(fit="contain", height=100), "spec.variants[0].fit"),
    "fill without both": (_variant(fit="fill"), "spec.variants[0].fit"),
    "an unknown gravity": (_variant(gravity="middle"), "spec.variants[0].gravity"),
    "a format that cannot be written": (_variant(format="heic"), "spec.variants[0].format"),
    "no quality": (_variant(quality=0), "spec.variants[0].quality"),
    "too great a quality": (_variant(quality=101), "spec.variants[0].quality"),
    "too small a size": (_variant(maxSize=255), "spec.variants[0].maxSize"),
    "too great a size": (_variant(maxSize=32 * 2**20 + 1), "spec.variants[0].maxSize"),
    "a size of a lossless format": (_variant(maxSize=5000, format="png"), "spec.variants[0].maxSize"),
    "fewer colours of a JPEG": (
        _variant(maxSize=5000, maxSizeBy="palette", format="jpeg"),
        "spec.variants[0].maxSizeBy",
    ),
    "fewer pixels for no size": (_variant(maxSizeBy="scale"), "spec.variants[0].maxSizeBy"),
    "an unknown way to a size": (_variant(maxSize=5000, maxSizeBy="magic"), "spec.variants[0].maxSizeBy"),
    "an unknown answer to no face": (_variant(noFace="smile"), "spec.variants[0].noFace"),
    "a colour by name": (_variant(background="red"), "spec.variants[0].background"),
    "no frames": (_variant(frames=0), "spec.variants[0].frames"),
    "too many frames": (_variant(frames=257), "spec.variants[0].frames"),
    "an absolute prefix": (_with(output={"prefix": "/a"}), "spec.output.prefix"),
    "a prefix with a space": (_with(output={"prefix": "a b"}), "spec.output.prefix"),
    "the prefix of uploads": (_with(output={"prefix": "uploads/mine"}), "spec.output.prefix"),
    "the prefix of jobs": (_with(output={"prefix": "jobs"}), "spec.output.prefix"),
    "a prefix that climbs": (_with(output={"prefix": "a/../b"}), "spec.output.prefix"),
    "a prefix that is too long": (_with(output={"prefix": "p" * 513}), "spec.output.prefix"),
    "a header that breaks the line": (_with(output={"cacheControl": "a\r\nb"}), "spec.output.cacheControl"),
    "an unknown deletion policy": (_with(output={"deletionPolicy": "Keep"}), "spec.output.deletionPolicy"),
    "an unknown execution": (_with(execution="Later"), "spec.execution"),
    "no parallelism": (_with(parallelism=0), "spec.parallelism"),
    "too much parallelism": (_with(parallelism=1001), "spec.parallelism"),
    "no items per pod": (_with(itemsPerPod=0), "spec.itemsPerPod"),
    "too many items per pod": (_with(itemsPerPod=5001), "spec.itemsPerPod"),
    "no attempts": (_with(retry={"attempts": 0}), "spec.retry.attempts"),
    "too many attempts": (_with(retry={"attempts": 11}), "spec.retry.attempts"),
    "a counter below zero": (_with(retryFailed=-1), "spec.retryFailed"),
    "a tolerance below zero": (_with(maxFailedItems=-1), "spec.maxFailedItems"),
    "no time": (_with(activeDeadlineSeconds=0), "spec.activeDeadlineSeconds"),
    "more than a week": (_with(activeDeadlineSeconds=604_801), "spec.activeDeadlineSeconds"),
    "a life below zero": (_with(ttlSecondsAfterFinished=-1), "spec.ttlSecondsAfterFinished"),
    "a life of more than a year": (_with(ttlSecondsAfterFinished=31_536_001), "spec.ttlSecondsAfterFinished"),
    "a switch that is a word": (_with(suspend="maybe"), "spec.suspend"),
    "a class that is no DNS label": (_with(className="Shop"), "spec.className"),
    "a queue that is no DNS label": (_with(queueName="My_Queue"), "spec.queueName"),
    "a priority that is no DNS name": (_with(priorityClassName="-high"), "spec.priorityClassName"),
    "an unknown profile": (_with(profile="Huge"), "spec.profile"),
    "a callback by mail": (_with(callback={"url": "mailto:a@example.com"}), "spec.callback.url"),
    "a callback that is too long": (
        _with(callback={"url": "https://example.com/" + "u" * 2048}),
        "spec.callback.url",
    ),
}
"""What is wrong -> the spec, and the start of the path that the complaint names."""
