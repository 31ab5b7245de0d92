"""The HTTP API: takes images in, creates ImageJobs, serves progress and links.

Knows nothing of pixels and of how jobs are run.
"""
