"""Runs the shards of large jobs: as pods of an Indexed Job, or as processes on one machine."""
