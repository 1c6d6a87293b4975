"""Brings the packages that a task's functions require to where they run."""
