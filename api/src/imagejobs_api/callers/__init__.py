"""Who may call: callers, the keys they show, and the file that names both."""
