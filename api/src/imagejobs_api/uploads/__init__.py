"""`/api/uploads`: presigned links for large files."""
