"""Examples of the calls: requests, and what they were really answered.

A test sends each and compares status and shape.
"""

from collections.abc import Mapping

from imagejobs_api.openapi.examples import images, jobs, progress, uploads
from imagejobs_api.openapi.operation import Example

EXAMPLES: Mapping[str, tuple[Example, ...]] = (
    images.EXAMPLES | uploads.EXAMPLES | jobs.EXAMPLES | progress.EXAMPLES
)
"""Operation id -> its examples."""
