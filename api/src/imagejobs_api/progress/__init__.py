"""`/api/progress`: the progress of a job once, as Server-Sent Events, and waiting for its end."""
