"""The pipeline without the SIMD resizer, for a child that is started with it instead of the real one."""

from imagejobs_worker.imaging import pipeline
from imagejobs_worker.imaging.steps import resize

resize.simd_resizer = lambda: None
render = pipeline.render
