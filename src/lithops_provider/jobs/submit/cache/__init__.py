"""The cache: results that items had in earlier runs, and that later runs of the same function take over."""
