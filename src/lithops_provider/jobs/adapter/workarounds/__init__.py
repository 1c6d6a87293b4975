"""What Lithops's backends do wrong, worked round. Each has a test that tells when a release mends it."""
