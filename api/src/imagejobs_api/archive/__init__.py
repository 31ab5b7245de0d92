"""`/api/jobs/{id}/archive`: all outputs of a job as one zip, made while it is sent."""
