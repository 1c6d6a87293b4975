"""Keeps the views of the jobs that people look at, as many as fit."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from lithops_provider.jobs.view.job_view import JobView
from lithops_provider.status.storage import connect

if TYPE_CHECKING:
    from lithops_provider.connection.settings import ConnectionSettings
    from lithops_provider.jobs.job import LithopsJob

#: Items of all kept views together at most, each of which takes about a hundred bytes; and views.
_MOST_ITEMS, _MOST_VIEWS = 2_000_000, 64
#: Seconds after which a view that nobody looks at is dropped.
_IDLE = 600.0


class JobViews:
    """The views of a process, by job and what leads to its storage."""

    def __init__(self) -> None:
        self._views: OrderedDict[str, tuple[JobView, float]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, settings: ConnectionSettings, job: LithopsJob) -> JobView:
        """
        Returns the view of a job, a new one if there is none yet.

        :param settings: what leads to its storage
        :param job: its value
        """
        # All of it: a job's value that somebody else has written must not lead to another's view.
        key = json.dumps([settings.to_dict(), {**job.to_dict(), "rounds": None}], sort_keys=True, default=str)
        now = time.monotonic()
        with self._lock:
            view = self._views[key][0] if key in self._views else JobView(job, lambda: connect(settings))
            self._views[key] = (view, now)
            self._views.move_to_end(key)
            self._drop(now)
        return view

    def _drop(self, now: float) -> None:
        """Drops views that nobody has looked at for long, and the oldest while they are too many."""
        items = sum(view.job.items for view, _ in self._views.values())
        while len(self._views) > 1:
            oldest, (view, used) = next(iter(self._views.items()))
            if now - used < _IDLE and items <= _MOST_ITEMS and len(self._views) <= _MOST_VIEWS:
                return
            items -= view.job.items
            del self._views[oldest]
