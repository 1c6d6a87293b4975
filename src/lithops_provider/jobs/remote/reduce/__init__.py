"""Reads results of other jobs where functions run, and reduces them."""
