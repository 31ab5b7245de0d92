"""Work from one shard of a Job: inputs, results file, progress."""
