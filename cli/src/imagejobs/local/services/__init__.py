"""The servers that are not ours: how each is started, set up, and seen to be ready."""
