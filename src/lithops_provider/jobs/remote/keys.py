"""
The names of a job's objects in storage. Each round has a prefix, under which its objects lie; those of a call lie in a
folder of the call there. docs/architecture.md shows them all.
"""

from __future__ import annotations

#: Lithops keeps everything of a job under this prefix (lithops.constants.JOBS_PREFIX).
JOBS_PREFIX = "lithops.jobs"

#: Objects of a job: who waits for it, and into how many items each of the user's objects was split.
OWNER = "owner"
CHUNKS = "chunks"

#: Objects of a round: its items, which call has which of them, the marker that all calls were sent, the marker that
#: stops them, the failures, if a task has stored some, and the marker that its results are out of the cache. The last
#: is Lithops's name of the function with its modules.
ITEMS = "items"
PLAN = "plan"
SENT = "sent"
STOP = "stop"
FAILURES = "failures.json"
CACHED = "cached"
FUNCTION = "func.pickle"

#: Objects of a call: the marker that it stores before it runs its first item, the end of the names of its parts, and
#: the status that Lithops stores when the call has ended (lithops.storage.utils).
BEGUN = "begun"
PART_SUFFIX = ".part"
STATUS = "status.json"

#: Stands in the place of a call's id: below it, `JobRun` stores failures of items whose call can't report them.
LOST = "lost"

#: The content of the marker that stops a round: all calls are to end, or only those that haven't begun.
STOP_ALL = b"stop"
BEGIN_NOTHING = b"begin nothing"


def job_prefix(executor_id: str, job_id: str) -> str:
    """Returns the prefix of all objects of one round of a job, without a slash at its end."""
    return f"{JOBS_PREFIX}/{executor_id}-{job_id}"


def call_id(number: int) -> str:
    """Returns the name of a call of a round, which Lithops has made of its number (lithops.invokers)."""
    return f"{number:05d}"
