"""Matches items with a function's parameters, and so finds what doesn't fit before anything is sent."""
