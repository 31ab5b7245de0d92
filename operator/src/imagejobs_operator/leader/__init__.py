"""Lets one of several operators work, by a Lease; the others wait for it (ADR 30)."""
