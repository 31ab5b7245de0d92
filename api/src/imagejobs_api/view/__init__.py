"""Reads jobs and turns them into response bodies."""
