"""Turns the bytes of one image into the results that were asked for.

Knows bytes and options, nothing of S3, Redis or jobs.
"""
