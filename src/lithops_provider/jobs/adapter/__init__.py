"""All that this package uses of Lithops beyond its documented interface."""
