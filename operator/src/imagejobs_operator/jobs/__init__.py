"""Runs the shards of large jobs: as an Indexed Job, or as processes on one machine."""
