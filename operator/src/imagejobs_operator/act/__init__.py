"""Observes a job, applies the decided actions, and requeues the job."""
