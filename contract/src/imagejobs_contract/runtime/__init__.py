"""Parts of a running process: settings, logs, event loop, metrics, traces, secrets."""
