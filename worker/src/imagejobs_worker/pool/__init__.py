"""Work from the queue in Redis: leases, extensions, acknowledgements."""
