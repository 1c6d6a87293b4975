"""The Lithops configuration of a job: resolve.py merges it, and complete.py has Lithops complete and check it."""
