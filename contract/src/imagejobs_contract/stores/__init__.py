"""The two JobStores: SQLite for one machine, the Kubernetes API for a cluster.

Import the one you mean; this package imports neither.
"""
