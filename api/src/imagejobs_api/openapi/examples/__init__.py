"""Examples of the calls: requests, and the answers that a real service gave.

A test sends each request and compares status and shape of the answer.
"""

from collections.abc import Mapping

from imagejobs_api.openapi.examples import images, jobs, progress, uploads
from imagejobs_api.openapi.operation import Example

EXAMPLES: Mapping[str, tuple[Example, ...]] = (
    images.EXAMPLES | uploads.EXAMPLES | jobs.EXAMPLES | progress.EXAMPLES
)
"""Operation id -> its examples."""
