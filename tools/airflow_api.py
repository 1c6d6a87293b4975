"""A thin client of Airflow's public REST API (``/api/v2``): what tests, demo and benchmarks need of it."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import Any

import httpx

from tools.waiting import HANGS, wait_until

FINISHED = frozenset({"success", "failed"})
"""States in which a DAG run stays."""

LOG_LINES = 60
"""How many lines of a failed task's log an error shows."""


class AirflowApiError(Exception):
    """The API answered with an error."""


class DagRunFailed(Exception):  # noqa: N818 - the name of the state it reports
    """A DAG run ended as failed; the message has the logs of what failed."""


@dataclass(frozen=True)
class DagRun:
    """One run of a DAG, and the way to what its tasks left."""

    api: AirflowApi
    dag_id: str
    run_id: str
    state: str

    @property
    def path(self) -> str:
        """The run's path in the API."""
        return f"/dags/{self.dag_id}/dagRuns/{self.run_id}"

    def refresh(self) -> DagRun:
        """Return the run as it is now."""
        return DagRun(self.api, self.dag_id, self.run_id, self.api.get(self.path)["state"])

    def tasks(self) -> list[dict[str, Any]]:
        """Return all task instances, in the order they started."""
        found = self.api.get(f"{self.path}/taskInstances", limit=1000, order_by="start_date")
        return list(found["task_instances"])

    def task(self, task_id: str, map_index: int = -1) -> dict[str, Any]:
        """
        Return a task instance as the API shows it: ``state``, ``duration``, ``try_number``, ``pid``...

        :param task_id: the task
        :param map_index: which of a mapped task's instances
        """
        found: dict[str, Any] = self.api.get(self._task_path(task_id, map_index))
        return found

    def rendered(self, task_id: str, map_index: int = -1) -> dict[str, Any]:
        """
        Return the rendered template fields of a task instance.

        :param task_id: the task
        :param map_index: which of a mapped task's instances
        """
        return dict(self.task(task_id, map_index)["rendered_fields"])

    def xcom(self, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """
        Return an XCom value, as native JSON; AirflowApiError if there is none.

        :param task_id: the task that pushed it
        :param key: its key
        :param map_index: which of a mapped task's instances
        """
        path = f"{self.path}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.api.get(path, map_index=map_index, stringify=False)["value"]

    def log(self, task_id: str, try_number: int | None = None, map_index: int = -1) -> str:
        """
        Return a task's log as text, one line a message, with what was logged beside it.

        :param task_id: the task
        :param try_number: which try; the last one unless given
        :param map_index: which of a mapped task's instances
        """
        if try_number is None:
            try_number = int(self.task(task_id, map_index)["try_number"])
        path = f"{self.path}/taskInstances/{task_id}/logs/{try_number}"
        answer = self.api.get(path, map_index=map_index, full_content=True)
        return "\n".join(_log_line(entry) for entry in answer["content"])

    def wait_for_task(
        self, task_id: str, *states: str, map_index: int = -1, timeout: float = HANGS, interval: float = 0.2
    ) -> dict[str, Any]:
        """
        Wait until a task instance is in one of some states, and return it.

        :param task_id: the task
        :param states: the states to wait for
        :param map_index: which of a mapped task's instances
        :param timeout: seconds after which TimeoutError is raised
        :param interval: seconds between two looks
        """

        def reached() -> dict[str, Any] | None:
            task = self.task(task_id, map_index)
            return task if task["state"] in states else None

        def missing() -> str:
            task = self.task(task_id, map_index)
            return f"Task {self.dag_id}.{task_id} is {task['state']!r}, not one of {states}.\n{self._log_tail(task)}"

        return wait_until(reached, missing, seconds=timeout, interval=interval)

    def task_pid(self, task_id: str, map_index: int = -1, timeout: float = HANGS) -> int:
        """
        Wait until a task runs, and return the id of the process that runs the user's code.

        :param task_id: the task
        :param map_index: which of a mapped task's instances
        :param timeout: seconds after which TimeoutError is raised
        """
        return int(self.wait_for_task(task_id, "running", map_index=map_index, timeout=timeout)["pid"])

    def wait(self, timeout: float = HANGS, *, check: bool = True, interval: float = 0.3) -> DagRun:
        """
        Wait until the run has ended, and return it as it is then.

        :param timeout: seconds after which TimeoutError is raised, with the state and log of each open task
        :param check: whether to raise DagRunFailed if it failed
        :param interval: seconds between two looks
        """

        def ended() -> DagRun | None:
            run = self.refresh()
            return run if run.state in FINISHED else None

        def missing() -> str:
            state = self.refresh().state
            return f"DAG run {self.dag_id} {self.run_id} is {state!r}.\n{self._report(exclude={'success', None})}"

        run = wait_until(ended, missing, seconds=timeout, interval=interval)
        if check and run.state == "failed":
            raise DagRunFailed(f"DAG run {self.dag_id} {self.run_id} failed.\n{self._report(exclude={'success'})}")
        return run

    def clear(self, *task_ids: str, only_failed: bool = False) -> None:
        """
        Clear task instances, so that they run again.

        :param task_ids: the tasks
        :param only_failed: whether to leave alone those that have not failed
        """
        body = {
            "dry_run": False,
            "dag_run_id": self.run_id,
            "task_ids": list(task_ids),
            "only_failed": only_failed,
            "reset_dag_runs": True,
        }
        self.api.post(f"/dags/{self.dag_id}/clearTaskInstances", body)

    def mark(self, task_id: str, state: str, map_index: int = -1) -> None:
        """
        Mark a task instance as failed or succeeded, as a user does in the UI.

        :param task_id: the task
        :param state: ``failed``, ``success`` or ``skipped``
        :param map_index: which of a mapped task's instances
        """
        self.api.patch(self._task_path(task_id, map_index), {"new_state": state})

    def delete(self) -> None:
        """Delete the run."""
        self.api.delete(self.path)

    def _task_path(self, task_id: str, map_index: int) -> str:
        path = f"{self.path}/taskInstances/{task_id}"
        return path if map_index < 0 else f"{path}/{map_index}"

    def _report(self, exclude: set[str | None]) -> str:
        return "\n".join(self._log_tail(task) for task in self.tasks() if task["state"] not in exclude)

    def _log_tail(self, task: dict[str, Any]) -> str:
        name = f"--- {task['task_id']}[{task['map_index']}] is {task['state']!r}, try {task['try_number']}"
        if not task["try_number"] or task["state"] == "upstream_failed":
            return name
        try:
            log = self.log(task["task_id"], task["try_number"], task["map_index"])
        except AirflowApiError as error:
            log = f"(its log can't be read: {error})"
        return "\n".join([f"{name}; the end of its log:", *log.splitlines()[-LOG_LINES:]])


class AirflowApi:
    """Airflow's REST API, as the administrator that ``simple_auth_manager_all_admins`` makes of everybody."""

    def __init__(self, url: str, timeout: float = HANGS) -> None:
        self.url = url
        self.token = ""
        self._writing = threading.Lock()
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def log_in(self) -> None:
        """Fetch a token, ``token``; every request after this one carries it."""
        answer = self._client.get("/auth/token")
        answer.raise_for_status()
        self.token = answer.json()["access_token"]
        self._client.headers["Authorization"] = f"Bearer {self.token}"

    def request(
        self, method: str, path: str, *, body: Any = None, headers: dict[str, str] | None = None, **params: Any
    ) -> Any:
        """
        Send one request and return the answer's JSON.

        :param method: GET, POST, PATCH, DELETE
        :param path: below ``/api/v2``
        :param body: sent as JSON
        :param headers: beside those that every request has
        :param params: query parameters
        """
        # One write at a time: on SQLite the server locks itself out (see AirflowStack).
        with contextlib.nullcontext() if method == "GET" else self._writing:
            answer = self._client.request(method, f"/api/v2{path}", json=body, headers=headers, params=params)
        if answer.is_error:
            raise AirflowApiError(f"{method} {path}: {answer.status_code} {answer.text[:2000]}")
        return answer.json() if answer.content else None

    def get(self, path: str, **params: Any) -> Any:
        """
        Send a GET request and return the answer's JSON.

        :param path: below ``/api/v2``
        :param params: query parameters
        """
        return self.request("GET", path, **params)

    def post(self, path: str, body: Any) -> Any:
        """
        Send a POST request and return the answer's JSON.

        :param path: below ``/api/v2``
        :param body: sent as JSON
        """
        return self.request("POST", path, body=body)

    def patch(self, path: str, body: Any) -> Any:
        """
        Send a PATCH request and return the answer's JSON.

        :param path: below ``/api/v2``
        :param body: sent as JSON
        """
        return self.request("PATCH", path, body=body)

    def delete(self, path: str) -> None:
        """
        Send a DELETE request.

        :param path: below ``/api/v2``
        """
        self.request("DELETE", path)

    def import_errors(self) -> dict[str, str]:
        """Return the traceback of each DAG file that could not be imported."""
        found = self.get("/importErrors", limit=100)["import_errors"]
        return {error["filename"]: error["stack_trace"] for error in found}

    def dag_ids(self) -> list[str]:
        """Return the ids of all DAGs."""
        return sorted(dag["dag_id"] for dag in self.get("/dags", limit=1000)["dags"])

    def wait_for_dag(self, dag_id: str, timeout: float = HANGS) -> None:
        """
        Wait until a DAG can be triggered.

        :param dag_id: the DAG
        :param timeout: seconds after which TimeoutError is raised, with the import errors that there are
        """

        def there() -> bool:
            try:
                # The details come from the serialized DAG, which is what a run needs.
                return bool(self.get(f"/dags/{dag_id}/details"))
            except AirflowApiError:
                return False

        def missing() -> str:
            errors = [f"{name}:\n{trace}" for name, trace in self.import_errors().items()]
            lines = ["Import errors:", *errors] if errors else []
            return "\n".join([f"No DAG {dag_id!r}, only {self.dag_ids()}.", *lines])

        wait_until(there, missing, seconds=timeout, interval=0.2)

    def trigger(
        self,
        dag_id: str,
        conf: dict[str, Any] | None = None,
        *,
        logical_date: str | None = None,
        timeout: float = HANGS,
    ) -> DagRun:
        """
        Wait for a DAG to appear, and start a run of it.

        :param dag_id: the DAG
        :param conf: the run's configuration
        :param logical_date: the run's logical date, as ISO text; None for a run that has none
        :param timeout: how many seconds to wait for the DAG
        """
        self.wait_for_dag(dag_id, timeout)
        run = self.post(f"/dags/{dag_id}/dagRuns", {"logical_date": logical_date, "conf": conf or {}})
        return DagRun(self, dag_id, run["dag_run_id"], run["state"])

    def unpause(self, dag_id: str) -> None:
        """
        Let a DAG run.

        :param dag_id: the DAG
        """
        self.patch(f"/dags/{dag_id}", {"is_paused": False})

    def create_connection(self, conn_id: str, conn_type: str, **fields: Any) -> dict[str, Any]:
        """
        Create a connection and return it as the API shows it, secrets masked.

        :param conn_id: its id
        :param conn_type: its type
        :param fields: ``host``, ``login``, ``password``, ``extra`` (a JSON string)...
        """
        body = {"connection_id": conn_id, "conn_type": conn_type, **fields}
        return dict(self.post("/connections", body))

    def test_connection(self, conn_id: str, conn_type: str, **fields: Any) -> dict[str, Any]:
        """
        Press the form's Test button; return ``status`` (a bool) and ``message``.

        :param conn_id: its id; one that exists lends what the fields leave out
        :param conn_type: its type
        :param fields: as of :meth:`create_connection`
        """
        body = {"connection_id": conn_id, "conn_type": conn_type, **fields}
        return dict(self.post("/connections/test", body))

    def delete_connection(self, conn_id: str) -> None:
        """
        Delete a connection.

        :param conn_id: its id
        """
        self.delete(f"/connections/{conn_id}")


def _log_line(entry: Any) -> str:
    """Render one structured log message: the event, what was logged beside it, and its traceback."""
    if not isinstance(entry, dict):
        return str(entry)
    line = " ".join(str(entry[name]) for name in ("timestamp", "level") if entry.get(name))
    known = {"timestamp", "event", "level", "logger", "filename", "lineno", "error_detail", "sources"}
    known |= {"ti_id", "dag_id", "run_id", "task_id", "map_index", "try_number"}  # the same in every line
    extra = " ".join(f"{name}={value!r}" for name, value in entry.items() if name not in known)
    lines = [" ".join(part for part in (line, str(entry.get("event", "")), extra) if part)]
    for error in entry.get("error_detail") or []:
        frames = error.get("frames") or []
        lines += [f"  {frame['filename']}:{frame['lineno']} in {frame['name']}" for frame in frames]
        lines.append(f"  {error.get('exc_type')}: {error.get('exc_value')}")
    return "\n".join(lines)
