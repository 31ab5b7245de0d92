"""Sets a bucket up for imagejobs: `python -m imagejobs_api.bucket`, which the chart's bucket Job runs.

It is part of the API's package because only the API's image has boto3, a client for all of S3. The API itself
never calls it.
"""
