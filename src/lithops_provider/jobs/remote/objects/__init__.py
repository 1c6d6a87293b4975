"""Reads objects for functions with a parameter ``obj``. It is shipped with the jobs of such functions only."""
