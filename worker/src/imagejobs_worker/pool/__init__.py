"""Work from the queue in Redis: leases, heartbeats, acknowledgements."""
