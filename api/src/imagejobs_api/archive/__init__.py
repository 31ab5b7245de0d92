"""`/api/jobs/{id}/archive`: all outputs as a zip, streamed."""
