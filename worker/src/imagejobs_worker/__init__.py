"""Does the image work of imagejobs: for a shard of a Job, or from the pool's queue."""
