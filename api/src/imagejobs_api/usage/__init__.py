"""`/api/usage`: what a caller used, by day."""
