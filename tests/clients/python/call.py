"""Calls the service by what openapi-python-client makes of its document."""

import io
import sys
from pathlib import Path

from generated import Client
from generated.api.images import resize_image
from generated.api.jobs import get_job
from generated.api.progress import get_progress
from generated.models import ResizeRequest
from generated.types import File

address, photo = sys.argv[1:]
client = Client(base_url=address)
image = File(payload=io.BytesIO(Path(photo).read_bytes()), file_name="photo.jpg")
made = resize_image.sync(client=client, body=ResizeRequest(image=image, width=40))
job = get_job.sync(id=made.job_id, client=client)
missing = get_progress.sync(id="absent", client=client)
sys.stdout.write(f"{made.width} {job.state} {missing.code}\n")
