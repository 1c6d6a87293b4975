"""Makes a job out of a function and its items, and sends it."""
