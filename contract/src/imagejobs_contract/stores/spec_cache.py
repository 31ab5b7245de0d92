"""Keeps the specs that a store read last: a spec changes seldom, while its job is read with each request.

So a job of 500 images is read in the time of a job of one. It does no I/O.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.spec import Spec

MAX_IMAGES = 10_000
"""Images and variants of all kept specs: 20 jobs of 500 images, some 3 MB; 30 MB with the longest keys."""
MIN_IMAGES = 9
"""Smaller specs are not kept: they are read in a quarter of a millisecond, and would replace the others."""

Version = tuple[str, int]
"""The uid of a job, and its generation: the store changes that with each change of the spec."""


@dataclass(slots=True)
class SpecCache:
    """The specs that were read last, oldest first. Several threads may use it. A store has one."""

    _specs: dict[Version, Spec] = field(default_factory=dict)
    _images: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read_job(self, body: Mapping[str, Any], load_spec: Callable[[], Any] | None = None) -> ImageJob:
        """Return the job of a Kubernetes object, as `ImageJob.from_body`; the spec may be a kept one.

        Args:
            body: The object.
            load_spec: Returns its spec, if the body has none; not called for a kept spec.
        """
        meta = body["metadata"]
        version = (str(meta.get("uid", "")), int(meta.get("generation") or 1))
        known = self._get(version)
        if known is None and load_spec is not None:
            body = {**body, "spec": load_spec()}
        job = ImageJob.from_body(body, known)
        if known is None:
            self._put(version, job.spec)
        return job

    def _get(self, version: Version) -> Spec | None:
        with self._lock:
            spec = self._specs.pop(version, None)
            if spec is not None:
                self._specs[version] = spec  # the newest now
            return spec

    def _put(self, version: Version, spec: Spec) -> None:
        if _weigh(spec) < MIN_IMAGES:
            return
        with self._lock:
            if version not in self._specs:
                self._images += _weigh(spec)
            self._specs[version] = spec
            while self._images > MAX_IMAGES:
                self._images -= _weigh(self._specs.pop(next(iter(self._specs))))


def _weigh(spec: Spec) -> int:
    return len(spec.items) + len(spec.variants)
