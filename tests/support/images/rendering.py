"""Runs the pipeline in the test's own process, with the default limits and more time than any test needs."""

from PIL import Image

from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Variant
from imagejobs_worker.imaging import pipeline
from imagejobs_worker.imaging.deadline import Deadline
from imagejobs_worker.imaging.picture import Rendering
from support.images import pictures

SECONDS = 60


def render_all(data: bytes, *variants: Variant) -> Rendering:
    """Return the results of several variants."""
    return pipeline.render(data, variants, Limits(), Deadline.after(SECONDS))


def render(data: bytes, **options: object) -> Rendering:
    """Return the result of one variant with these options, and the facts about the source."""
    return render_all(data, Variant(**options))


def render_file(data: bytes, **options: object) -> bytes:
    """Return the file of one variant with these options."""
    return render(data, **options).pictures[0].data


def render_image(data: bytes, **options: object) -> Image.Image:
    """Return the decoded result of one variant with these options."""
    return pictures.opened(render_file(data, **options))
