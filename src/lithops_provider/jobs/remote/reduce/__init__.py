"""What functions read of other jobs' results, and how they reduce them."""
