"""Finds the file of an image that an earlier job has, so that a sample of it needs no second upload.

The file stays the earlier job's: it is deleted with that job, and the sample only reads it.
"""

from imagejobs_api.callers.caller import Caller
from imagejobs_api.submit.forms import IMAGE_OF, ReceivedForm, Source
from imagejobs_api.view import job_sources
from imagejobs_api.view.lookup import JobOrImage, find
from imagejobs_contract.errors import Fault, Invalid
from imagejobs_contract.ports import JobStore


class EarlierImages:
    """Takes `image_of` for the file that it names; lives as long as the app."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    async def resolve(self, received: ReceivedForm, caller: Caller) -> None:
        """Add the file that `image_of` names to the received ones, if the form has that field.

        Raises:
            Invalid: The form has a file too, or the image has no file.
            Problem: The caller has no such image (404).
        """
        identifier = received.options.pop(IMAGE_OF, None)
        if identifier is None:
            return
        if received.sources:
            raise Invalid([Fault(IMAGE_OF, "goes without a file in image")])
        received.sources.append(_source(await find(self._store, caller, str(identifier)), received))


def _source(found: JobOrImage, received: ReceivedForm) -> Source:
    items = found.job.spec.items
    if found.index is None and len(items) != 1:
        raise Invalid([Fault(IMAGE_OF, f"is a whole job: name one of its images, such as {found.id}-0")])
    if not items:
        raise Invalid([Fault(IMAGE_OF, "is of a job with a manifest, of which there are no samples")])
    item = items[found.index or 0]
    if item.key is None:
        raise Invalid([Fault(IMAGE_OF, "was fetched from a URL: give that URL to /api/upload-from-url")])
    if not job_sources.may_read(found.job, item.key):
        raise Invalid([Fault(IMAGE_OF, "is of a file that this job may not read")])
    # No more than that folder: the sample reads this file only.
    received.earlier_prefix = item.key[: item.key.rindex("/") + 1] if "/" in item.key else item.key
    received.upload_id = ""
    return Source(item.name, item.key, where=IMAGE_OF, digest=item.key)
