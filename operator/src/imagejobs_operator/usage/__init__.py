"""Counts what each caller used, once for each attempt of a job that ended, and keeps the sums in S3."""
