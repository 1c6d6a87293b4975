"""
The names of a job's objects in storage. Each round has a prefix, under it lie the objects of the round, and in a folder
for each call those of the call. docs/architecture.md shows them all.
"""

from __future__ import annotations

#: Lithops keeps everything of a job under this prefix (lithops.constants.JOBS_PREFIX).
JOBS_PREFIX = "lithops.jobs"

#: Of a job: who waits for it, and into how many items each of the user's objects was split.
OWNER = "owner"
CHUNKS = "chunks"

#: Of a round: its items, which call has which of them, the mark that all calls were sent, the mark that stops them, the
#: failures, if a task has stored some, and the mark that its results are out of the cache. Lithops names the function
#: with its modules.
ITEMS = "items"
PLAN = "plan"
SENT = "sent"
STOP = "stop"
FAILURES = "failures.json"
CACHED = "cached"
FUNCTION = "func.pickle"

#: Of a call: the mark that it leaves before it runs its first item, the end of the names of its parts, and what
#: Lithops writes when it has ended (lithops.storage.utils).
BEGUN = "begun"
PART_SUFFIX = ".part"
STATUS = "status.json"

#: Stands where otherwise a call's id is: below it, `JobRun` stores failures of items whose call can't report.
LOST = "lost"

#: What the mark that stops a round holds: all calls are to end, or only those are that haven't begun.
STOP_ALL = b"stop"
BEGIN_NOTHING = b"begin nothing"


def job_prefix(executor_id: str, job_id: str) -> str:
    """Returns the prefix of all objects of one round of a job, without a slash at its end."""
    return f"{JOBS_PREFIX}/{executor_id}-{job_id}"


def call_id(number: int) -> str:
    """Returns the name of a call of a round, which Lithops has made of its number (lithops.invokers)."""
    return f"{number:05d}"
