"""`/api/jobs`: list, one job, its results, downloads and commands."""
