"""Decides what a job needs next. Pure: values in, actions out."""
