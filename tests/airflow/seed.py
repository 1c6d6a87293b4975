"""What the tests test_seed_*.py look at beside the API: the objects that jobs leave in storage, and their log."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack

#: The lines of the objects ``seed/lines/a.txt`` and ``seed/lines/b.txt``, 6 bytes each with their end.
LINES = {
    "lines/a.txt": [f"a{number:04d}" for number in range(100)],
    "lines/b.txt": [f"b{number:04d}" for number in range(50)],
}
_SENT = re.compile(r"Sent \d+ item\(s\) .* as ([0-9a-f]{16}-0)-[AMR]\d+")


@dataclass(frozen=True)
class Storage:
    """
    The localhost storage of a stack.

    :param folder: where Lithops keeps its buckets there
    """

    folder: Path

    @classmethod
    def of(cls, stack: AirflowStack) -> Storage:
        """Return a stack's."""
        return cls(stack.tmp / f"lithops-{stack.env['USER']}")

    def put_lines(self) -> None:
        """Store the objects of `LINES` in the bucket ``seed``."""
        for key, lines in LINES.items():
            path = self.folder / "seed" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{line}\n" for line in lines))

    def jobs(self) -> set[str]:
        """Return the first component of the keys of all jobs' objects."""
        folder = self.folder / "storage" / "lithops.jobs"
        return {entry.name for entry in folder.iterdir()} if folder.exists() else set()

    def keys(self, executor_id: str) -> list[str]:
        """Return the keys of a job's objects; folders, which object storages don't have, left out."""
        folder = self.folder / "storage" / "lithops.jobs"
        found = folder.glob(f"{executor_id}*/**/*")
        return sorted(str(path.relative_to(folder)) for path in found if path.is_file())


def executor_ids(log: str) -> list[str]:
    """Return the ids of the jobs that a task sent, in order."""
    return _SENT.findall(log)


def messages(log: str, *parts: str) -> list[str]:
    """Return the lines of a log that have all these parts."""
    return [line for line in log.splitlines() if all(part in line for part in parts)]


def state(run: DagRun, task_id: str) -> str:
    """Return a task's state."""
    return str(run.task(task_id)["state"])


def result(run: DagRun, task_id: str) -> Any:
    """Return what a task returned; an AssertionError with its log if it failed."""
    assert state(run, task_id) == "success", run.log(task_id)[-6000:]
    return run.xcom(task_id)


def job_of(run: DagRun, task_id: str) -> dict[str, Any]:
    """Return a job's value that a task returned."""
    value = result(run, task_id)
    assert value["lithops_job"] == 1, json.dumps(value)
    return dict(value)


def alive(path: Path) -> list[tuple[int, float]]:
    """Return the processes that `seed_functions.wait_for` ran in, and when each gave its last sign of life."""
    found = []
    for sign in path.parent.glob(f"{path.name}.*.alive"):
        text = sign.read_text()
        found.append((int(sign.name.split(".")[-2]), float(text) if text else os.stat(sign).st_mtime))
    return found
