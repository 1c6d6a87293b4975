"""Reads what has become of a job's items."""
