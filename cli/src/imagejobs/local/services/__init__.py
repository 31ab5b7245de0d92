"""The servers that are not ours: how each is started, set up and known to be ready."""
