"""Reads and aggregates what the page, the command line and the summary say about a job."""
