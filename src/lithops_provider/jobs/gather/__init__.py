"""Reads from storage what has become of a job's items: outcomes, results, failures, counts."""
