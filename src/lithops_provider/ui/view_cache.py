"""
Keeps the `JobView`s of the jobs that people look at, up to a limit, so that a request of the page only reads from
storage what is new. requests.py gets views from here.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from dataclasses import astuple
from typing import TYPE_CHECKING

from lithops_provider.jobs.view.job_view import JobView
from lithops_provider.status.storage import open_job

if TYPE_CHECKING:
    from lithops_provider.jobs.job import LithopsJob
    from lithops_provider.status.records import TaskRecord

#: How many items all kept views may have together, each of which takes about a hundred bytes; and how many views are
#: kept.
_MOST_ITEMS, _MOST_VIEWS = 2_000_000, 64
#: Seconds after which a view that nobody looks at is dropped.
_IDLE = 600.0


class JobViews:
    """The views of a process, by the try of a task and its job."""

    def __init__(self) -> None:
        self._views: OrderedDict[str, tuple[JobView, float]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, record: TaskRecord, job: LithopsJob, *, counts_only: bool = False) -> JobView:
        """
        Returns the view of a job, a new one if there is none yet.

        :param record: the task instance that has published it
        :param job: its value
        :param counts_only: whether a view that only counts is enough, see `JobView`
        """
        # The key has the whole value, so that a changed copy of a job's value doesn't get that job's view.
        value = {**job.to_dict(), "rounds": None}
        key = json.dumps([astuple(record.key), record.try_number, value], sort_keys=True)
        now = time.monotonic()
        with self._lock:
            if counts_only and key not in self._views:
                key = f"counts {key}"
            if key in self._views:
                view = self._views[key][0]
            else:
                view = JobView(job, lambda: open_job(record.key, job), counts_only=counts_only)
            self._views[key] = (view, now)
            self._views.move_to_end(key)
            self._drop(now)
        return view

    def _drop(self, now: float) -> None:
        """Drops views that nobody has looked at for long, and the oldest while there are too many."""
        items = sum(view.job.items for view, _ in self._views.values())
        while len(self._views) > 1:
            oldest, (view, used) = next(iter(self._views.items()))
            if now - used < _IDLE and items <= _MOST_ITEMS and len(self._views) <= _MOST_VIEWS:
                return
            items -= view.job.items
            del self._views[oldest]
