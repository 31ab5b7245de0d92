"""ImageJobs by which a user with `edit` on one namespace reaches for what is another's.

These are the nine kinds that were tried on the product, and their neighbours. Bob is a caller of the API in
the same namespace and bucket; the user was given the prefix `blog/` and pods, and nothing else.
"""

from typing import Any

VARIANT = {"name": "default", "width": 32, "format": "jpeg"}
OWN_KEY = "blog/a.jpg"
"""An object that the user was given."""
BOBS_UPLOAD = "uploads/default.bob.j1m860h1ax7za8ahhbpy/0/bob.jpg"
BOBS_LIST = "uploads/default.bob.j1m860h1ax7za8ahhbpy/1/list.jsonl"
BOBS_FILES = {
    BOBS_UPLOAD: b"bob's picture",
    "uploads/j1m860h1ax7za8ahhbpy/0": b"bob's picture of the last release",
    BOBS_LIST: b'{"key": "/x", "customer": "secret"}\n',
    "outputs/j1m860h1ax7za8ahhbpy/bob.jpg": b"bob's result of the last release",
    "outputs/default.bobs.0c7f1e8a-4b4c-4f9e-8d1a-3b5c7d9e0f12/bob.jpg": b"bob's result",
    "sites/shop/logo.jpg": b"on a site",
}
"""What must be in the bucket, unchanged, after all of it was tried."""


def imagejob(name: str, /, **spec: Any) -> dict[str, Any]:
    items = {} if "manifest" in spec else {"items": [{"name": "a.jpg", "key": OWN_KEY}]}
    return {
        "apiVersion": "imagejobs.dev/v1alpha1",
        "kind": "ImageJob",
        "metadata": {"name": name},
        "spec": {**items, "variants": [VARIANT], **spec},
    }


def labelled(body: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {**body, "metadata": {**body["metadata"], **metadata}}


BOB = {"labels": {"imagejobs.dev/caller": "bob"}}
REFUSED_BY_THE_API_SERVER: dict[str, tuple[dict[str, Any], str]] = {
    "bob's upload, in alice's name": (
        labelled(imagejob("a", items=[{"key": BOBS_UPLOAD}]), labels={"imagejobs.dev/caller": "alice"}),
        "imagejobs.dev/caller is set by the API only",
    ),
    "bob's results of the last release as prefix": (
        imagejob("b", output={"prefix": "outputs/j1m860h1ax7za8ahhbpy"}),
        "outputs/ holds the results",
    ),
    "bob's results as prefix, to be deleted at once": (
        imagejob(
            "c",
            output={
                "prefix": "outputs/default.bobs.0c7f1e8a-4b4c-4f9e-8d1a-3b5c7d9e0f12",
                "deletionPolicy": "Delete",
            },
            ttlSecondsAfterFinished=0,
        ),
        "outputs/ holds the results",
    ),
    "bob's uploads, to go with the job": (
        labelled(imagejob("d"), annotations={"imagejobs.dev/uploads": "uploads/j1m860h1ax7za8ahhbpy/"}),
        "uploads, sources and request of imagejobs.dev are set by the API only",
    ),
    "rights of its own": (
        labelled(imagejob("e"), annotations={"imagejobs.dev/sources": '["uploads/"]'}),
        "uploads, sources and request of imagejobs.dev are set by the API only",
    ),
    "a callback in bob's name": (
        labelled(imagejob("f", callback={"url": "http://127.0.0.1:9/"}), **BOB),
        "imagejobs.dev/caller is set by the API only",
    ),
    "the cluster's own priority": (
        imagejob("g", execution="Job", priorityClassName="system-node-critical"),
        "system- are the cluster's own",
    ),
}
"""Each with words of the answer."""
REFUSED_BY_THE_OPERATOR: dict[str, tuple[dict[str, Any], str]] = {
    "bob's upload": (imagejob("bobs-upload", items=[{"key": BOBS_UPLOAD}]), "spec.items[0].key"),
    "bob's upload in a job of pods": (
        imagejob("bobs-pods", execution="Job", items=[{"key": BOBS_UPLOAD}]),
        "spec.items[0].key",
    ),
    "a manifest that only bob may read": (
        imagejob(
            "bobs-list",
            manifest={"key": BOBS_LIST, "count": 1},
        ),
        "spec.manifest.key",
    ),
    "a manifest that is not there": (
        imagejob("no-list", manifest={"key": "uploads/default.bob.none/1/list.jsonl", "count": 1}),
        "spec.manifest.key",
    ),
    "a folder of a site": (imagejob("on-a-site", output={"prefix": "sites/shop"}), "spec.output.prefix"),
    "a callback": (imagejob("calls", callback={"url": "http://127.0.0.1:9/"}), "spec.callback"),
    "somebody's priority": (
        imagejob("urgent", execution="Job", priorityClassName="production-critical"),
        "spec.priorityClassName",
    ),
    "somebody's queue": (imagejob("queued", execution="Job", queueName="theirs"), "spec.queueName"),
}
"""Each with the field that the condition `Accepted` names."""
