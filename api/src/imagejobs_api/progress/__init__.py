"""`/api/progress`: a snapshot, Server-Sent Events, and waiting for the end."""
