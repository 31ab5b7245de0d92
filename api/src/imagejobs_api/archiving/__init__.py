"""A job's outputs as one zip: which files it holds under which names, its bytes, how they are read from S3 while it is sent."""
