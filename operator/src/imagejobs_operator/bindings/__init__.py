"""What feeds the work queue: kopf's watches, or the changes of SQLite.

A binding hands over keys and decides nothing.
"""
