"""The Lithops configuration that a connection holds."""
