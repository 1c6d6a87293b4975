"""Which arguments each item gives to a function."""
