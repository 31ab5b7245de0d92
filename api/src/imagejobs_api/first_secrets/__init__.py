"""Fills the Secrets that the chart makes empty: `python -m imagejobs_api.first_secrets`, a Job of the chart.

What is random is made in the cluster, so that the chart renders the same text each time. The API never
calls it.
"""
