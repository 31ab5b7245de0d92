"""JobStores: SQLite for one machine, the Kubernetes API for a cluster, and a base for stores before a store.

Import the one that you need; this package imports none.
"""
