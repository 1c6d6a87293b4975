"""Shows a job to somebody who looks on: what the page, the command line and the summary say of it."""
