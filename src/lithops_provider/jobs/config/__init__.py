"""The Lithops configuration of a job: `resolve` puts it together, `complete` has Lithops check it."""
