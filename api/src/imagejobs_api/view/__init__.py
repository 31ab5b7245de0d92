"""Reads jobs and their outcomes, and turns them into response bodies. Never writes."""
