"""The operator: runs ImageJobs and is the only writer of their status. `plan` decides, `reconcile` acts."""
