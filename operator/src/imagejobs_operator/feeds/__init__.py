"""Adds keys of changed jobs to the work queue: from Kubernetes or SQLite, from wake-ups, at each resync."""
