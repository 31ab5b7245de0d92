"""The pipeline as it is where the SIMD resizer is not installed; the child is told to call this one."""

from imagejobs_worker.imaging import pipeline
from imagejobs_worker.imaging.steps import resize

resize.simd_resizer = lambda: None
render = pipeline.render
