"""Looks at a running job: how far it is, who waits for it, and whether its processes are still there."""
