"""The Lithops configuration of a job."""
