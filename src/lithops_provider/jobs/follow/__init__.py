"""Looks at a running job."""
