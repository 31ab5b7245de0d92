"""Decides the next actions for a job. Pure: values in, actions out; no I/O, no clock, no asyncio."""
