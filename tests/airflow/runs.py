"""Runs that Airflow goes through while tests wait for something else: those that test modules only look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

from tools.airflow_stack import AirflowStack
from tools.waiting import wait_until

#: So many tasks wait for a slot at most before runs of one more module are started: a test that starts a run of its own
#: gets its turn soon.
WAITING = 4


class Runs:
    """
    The runs of test modules, which a thread starts: those of one module after another, as soon as there is room.

    :param airflow: where they run
    :param modules: the test modules that have a function ``start_runs``
    :param new_folder: makes a folder for a module's runs
    """

    def __init__(self, airflow: AirflowStack, modules: Iterable[ModuleType], new_folder: Callable[[], Path]) -> None:
        self._airflow = airflow
        self._new_folder = new_folder
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._of: dict[str, Future[Any]] = {
            module.__name__: self._thread.submit(self._start, module) for module in modules
        }

    def of(self, module: ModuleType) -> Any:
        """
        Return what a module's ``start_runs`` has returned; wait until it has been called.

        :param module: the test module
        """
        return self._of[module.__name__].result()

    def end(self) -> None:
        """Start no more."""
        self._thread.shutdown(cancel_futures=True)

    def _start(self, module: ModuleType) -> Any:
        wait_until(self._has_room, lambda: "All slots of Airflow are taken.", interval=1)
        return module.start_runs(self._airflow, self._new_folder())

    def _has_room(self) -> bool:
        states = {"state": ["scheduled", "queued"]}
        waiting = self._airflow.api.get("/dags/~/dagRuns/~/taskInstances", limit=1, **states)
        return int(waiting["total_entries"]) < WAITING
