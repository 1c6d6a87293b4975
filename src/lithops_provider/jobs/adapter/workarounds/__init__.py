"""Workarounds for faults of Lithops's backends. Each has a test that fails once a release of Lithops mends it."""
