"""Turns a POST of files, URLs or JSON into an ImageJob."""
