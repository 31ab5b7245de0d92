"""Posts events about jobs: to the log, or to Kubernetes."""
