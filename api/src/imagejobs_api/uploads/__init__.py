"""`/api/uploads`: presigned links by which clients upload large files to S3 themselves."""
