"""Sets a bucket up for imagejobs: `python -m imagejobs_api.bucket`, what the chart's bucket Job runs.

Part of the API's package because its image is the one that carries a client for all of S3. The API itself
never calls it.
"""
