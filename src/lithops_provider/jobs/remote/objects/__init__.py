"""What functions with a parameter ``obj`` read an object through. It travels with their jobs only."""
