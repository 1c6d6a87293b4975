"""
The keys of the XComs that a task of this provider pushes beside its result. The modules of this folder push them;
`status/records.py` reads them.
"""

from __future__ import annotations

#: The values of the task's jobs, see `lithops_provider.report.jobs`. A try pushes it before its first job is sent, and
#: again before each round; Airflow deletes it before the next try.
JOB_KEY = "lithops_job"
#: A summary of each of the task's jobs, by phase.
SUMMARY_KEY = "lithops_summary"
#: The first items that failed, and where all of them are.
FAILURES_KEY = "lithops_failures"
