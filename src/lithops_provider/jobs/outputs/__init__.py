"""Results as files in storage."""
