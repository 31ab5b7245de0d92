"""Data that programs write for each other: keys, tasks, shards, manifests, the message of a callback."""
