"""Items that are in storage: objects, and results of other jobs."""
