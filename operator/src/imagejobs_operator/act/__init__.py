"""Observes a job, applies the actions that were decided, and schedules the next look."""
