"""Where changed jobs come from: the Kubernetes watch, SQLite, and the periodic resync."""
