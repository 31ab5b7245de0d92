"""`/api/jobs` and `/api/download`: the list of jobs, one job with its commands, results and downloads."""
