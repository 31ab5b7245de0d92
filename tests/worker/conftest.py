"""What the worker's tests share: real workers, a web server that can hold images back, an object store."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagejobs_contract.runtime.settings import S3Settings
from imagejobs_contract.s3.objects import S3Objects
from support.servers.image_server import ImageSite, image_site
from support.worker.process import Workers

# onnxruntime reports its use unless this variable is set before it is imported; the zygote's environment has
# it, and these tests need it too.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


@pytest.fixture
def site() -> Iterator[ImageSite]:
    with image_site() as running:
        yield running


@pytest.fixture
def objects(s3_settings: S3Settings) -> S3Objects:
    return S3Objects(s3_settings)


@pytest.fixture
def workers(tmp_path: Path, redis_url: str, s3_settings: S3Settings) -> Iterator[Workers]:
    started = Workers(tmp_path, redis_url, s3_settings)
    yield started
    started.stop_all()
