"""Presets: sets of variants that requests may name, from a file of those who run the service."""
