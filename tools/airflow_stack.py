"""A real Airflow in a folder of its own: its components, started, watched and ended from here."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import psutil

from tools import processes
from tools.airflow_api import AirflowApi, AirflowApiError

COMPONENTS = ("api-server", "execution-api", "scheduler", "dag-processor", "triggerer")
"""
The components of a stack, in the order they are started; the slowest first.

The api-server is split in two, as Airflow allows: what people use and what workers use. In one process the two lock
each other out of SQLite: a user's write waits, in the event loop, for a worker's, whose commit waits for that loop.
"""

FAST: dict[str, str] = {
    # Intervals of a deployment that has nothing else to do than to be watched.
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "SCHEDULER__JOB_HEARTBEAT_SEC": "2",
    "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "1",
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    # A worker that gives up on a slow answer asks again, and that costs more than waiting does.
    "WORKERS__EXECUTION_API_TIMEOUT": "30",
    "TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "20",
    # New and changed DAG files are seen at once; unchanged ones are not parsed again and again.
    "DAG_PROCESSOR__REFRESH_INTERVAL": "1",
    "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    "DAG_PROCESSOR__STALE_DAG_THRESHOLD": "600",
    "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
    "API__DAG_CACHE_TTL": "1",  # from Airflow 3.2 on; 3.1 takes no notice
}


class StackError(Exception):
    """Airflow did not start, or a part of it ended by itself; the message has the end of its log."""


class AirflowStack:
    """
    A running Airflow. Use it as a context manager, or call :meth:`start` and :meth:`stop`.

    :param home: its folder; database, logs, temporary files and the home folder of its tasks go there
    :param dags: folders with DAG files; ``home/dags`` is always one more, for DAGs written while it runs
    :param repositories: git repositories with DAG files in their branch ``main``; Airflow keeps versions of those
    :param env: environment variables for every component and task: ``AIRFLOW_CONN_X``, ``AIRFLOW__A__B``...
    :param sql_alchemy_conn: database; SQLite in ``home`` unless given
    :param port: port of the UI and API on 127.0.0.1; a free one unless given
    :param python: interpreter of the environment that has Airflow
    """

    def __init__(
        self,
        home: Path,
        dags: Sequence[Path] = (),
        *,
        repositories: Sequence[Path] = (),
        env: Mapping[str, str] | None = None,
        sql_alchemy_conn: str | None = None,
        port: int | None = None,
        python: str = sys.executable,
    ) -> None:
        self.home = home.resolve()
        self.dags = self.home / "dags"
        self.logs = self.home / "logs"
        self.tmp = self.home / "tmp"
        self.user_home = self.home / "home"
        self.port = port or free_port()
        self.execution_port = free_port(self.port + 1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.execution_url = f"http://127.0.0.1:{self.execution_port}/execution/"
        self.api = AirflowApi(self.url)
        self.python = python
        folders = {f"{folder.name}-folder": folder.resolve() for folder in dags} | {"written": self.dags}
        bundles = [
            _bundle(name, "airflow.dag_processing.bundles.local.LocalDagBundle", path=str(folder))
            for name, folder in folders.items()
        ] + [
            _bundle(
                f"{folder.name}-repository",
                "airflow.providers.git.bundles.git.GitDagBundle",
                repo_url=str(folder.resolve()),
                tracking_ref="main",
            )
            for folder in repositories
        ]
        connection = sql_alchemy_conn or f"sqlite:///{self.home / 'airflow.db'}?timeout=30"
        self.env = self._environment(bundles, connection) | dict(env or {})
        if repositories:
            # Else the bundle looks for it in the database, and Airflow 3.1 then forgets the bundles that it was adding.
            self.env.setdefault("AIRFLOW_CONN_GIT_DEFAULT", '{"conn_type": "git"}')
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, datetime] = {}
        self._sessions: set[int] = set()  # process ids of all components that ever ran: each leads a session

    # -- life ----------------------------------------------------------------------------------------------

    def start(self, timeout: float = 120) -> AirflowStack:
        """
        Prepare the database, start every component and wait until all are healthy.

        :param timeout: seconds after which the attempt is given up, each for the database and the components
        """
        for folder in (self.home, self.dags, self.logs, self.tmp, self.user_home):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            self.cli("db", "migrate", timeout=timeout)
            for component in COMPONENTS:
                self.start_component(component)
            self.wait_healthy(timeout)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> list[str]:
        """
        End every component, and then whatever else of this stack is left.

        :return: one line for each process that outlived its component and had to be ended here: an empty list
            when everything was as it should be
        """
        self.api.close()
        components = list(self._running.values())
        for process in components:
            process.send_signal(signal.SIGTERM)
        if not _wait(components, 3):
            # The scheduler waits for running tasks, the triggerer for nothing in particular: don't.
            processes.end([process for session in self._sessions for process in processes.in_session(session)])
            _wait(components, 5)
        self._running.clear()
        leftovers = processes.wait_gone(self.processes, seconds=5)
        lines = [processes.describe(process) for process in leftovers]
        processes.end(leftovers)
        return lines

    def __enter__(self) -> AirflowStack:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- components ----------------------------------------------------------------------------------------

    def start_component(self, component: str) -> int:
        """
        Start one component and return its process id, without waiting for it to be healthy.

        :param component: one of :data:`COMPONENTS`
        """
        server = ["api-server", "--host", "127.0.0.1", "--apps"]
        arguments = {
            "api-server": [*server, "core", "--port", str(self.port)],
            "execution-api": [*server, "execution", "--port", str(self.execution_port)],
            "scheduler": ["scheduler", "--skip-serve-logs"],
            "dag-processor": ["dag-processor"],
            "triggerer": ["triggerer", "--skip-serve-logs"],
        }
        with self.log_file(component).open("ab") as log:
            self._running[component] = subprocess.Popen(
                [*self._airflow(), *arguments[component]],
                env=self.env,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started[component] = datetime.now(timezone.utc)
        self._sessions.add(self._running[component].pid)
        return self._running[component].pid

    def kill(self, component: str, signum: int = signal.SIGKILL, timeout: float = 20) -> None:
        """
        End one component.

        After SIGKILL its child processes are killed too (the scheduler's: executor, supervisors, tasks), as
        when a machine is lost; what has left their session, as Lithops's runners do, goes on.

        :param component: one of :data:`COMPONENTS`
        :param signum: SIGKILL, or SIGTERM for an orderly end
        :param timeout: how long it has to end; after that it is killed, and StackError raised
        """
        process = self._running.pop(component)
        process.send_signal(signum)
        ended = _wait([process], timeout)
        if not ended:
            process.kill()
            process.wait(10)
        if signum == signal.SIGKILL or not ended:
            processes.end(processes.in_session(process.pid), seconds=0)
        if not ended:
            raise StackError(f"{component} did not end within {timeout} s.\n{self.log_tail(component)}")

    def restart(self, component: str, signum: int = signal.SIGTERM, timeout: float = 60) -> None:
        """
        End one component, start it again and wait until all are healthy.

        :param component: one of :data:`COMPONENTS`
        :param signum: how to end it, as of :meth:`kill`
        :param timeout: how long it has to become healthy
        """
        self.kill(component, signum)
        self.start_component(component)
        self.wait_healthy(timeout)

    def pid(self, component: str) -> int:
        """
        Return the process id of a component.

        :param component: one of :data:`COMPONENTS`
        """
        return self._running[component].pid

    def wait_healthy(self, timeout: float = 120) -> None:
        """
        Wait until the API says that all components are healthy.

        :param timeout: seconds after which StackError is raised
        """
        deadline = time.monotonic() + timeout
        problem: object = None
        while time.monotonic() < deadline:
            self.check_alive()
            try:
                if not (problem := self._sick()):
                    return
            except (httpx.HTTPError, AirflowApiError) as error:
                problem = error
            time.sleep(0.2)
        tails = "\n".join(self.log_tail(component) for component in COMPONENTS)
        raise StackError(f"Airflow is not healthy after {timeout} s: {problem}\n{tails}")

    def check_alive(self) -> None:
        """Raise StackError if a component has ended by itself."""
        for component, process in self._running.items():
            if process.poll() is not None:
                raise StackError(f"{component} ended with status {process.returncode}.\n{self.log_tail(component)}")

    # -- looking at it -------------------------------------------------------------------------------------

    def processes(self) -> list[psutil.Process]:
        """Return all living processes of this stack: components, workers, tasks and what they started."""
        return processes.find(self.home, self._sessions)

    def strays(self) -> list[psutil.Process]:
        """Return the processes that left the session of their component: Lithops's runners, for one."""
        return [process for process in self.processes() if processes.session_of(process) not in self._sessions]

    def log_file(self, component: str) -> Path:
        """
        Return the file that a component's output goes to.

        :param component: one of :data:`COMPONENTS`
        """
        return self.logs / f"{component}.log"

    def log_tail(self, component: str, lines: int = 30) -> str:
        """
        Return the end of a component's output.

        :param component: one of :data:`COMPONENTS`
        :param lines: how many lines
        """
        path = self.log_file(component)
        text = path.read_text(errors="replace") if path.exists() else ""
        return "\n".join([f"--- {path}", *text.splitlines()[-lines:]])

    def cli(self, *arguments: str, timeout: float = 120) -> str:
        """
        Run Airflow's command line on this stack, and return its standard output.

        :param arguments: e.g. ``"dags", "list"``
        :param timeout: seconds after which it is ended
        """
        done = subprocess.run(
            [*self._airflow(), *arguments],
            env=self.env,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            output = "\n".join((done.stdout + done.stderr).splitlines()[-50:])
            raise StackError(f"airflow {' '.join(arguments)} ended with status {done.returncode}.\n{output}")
        return done.stdout

    def write_dag(self, name: str, source: str, dag_id: str | None = None) -> None:
        """
        Write a DAG file into ``home/dags``, and wait for its DAG if told which.

        :param name: the file's name, without ``.py``
        :param source: its text
        :param dag_id: the DAG to wait for
        """
        partial = self.dags / f"{name}.partial"
        partial.write_text(source)
        partial.replace(self.dags / f"{name}.py")
        if dag_id is not None:
            self.api.wait_for_dag(dag_id)

    # -- inside --------------------------------------------------------------------------------------------

    def _sick(self) -> dict[str, str]:
        """Return the components that have not been healthy since they were last started, with their state."""
        self.api.log_in()
        # The first request to the execution API takes seconds, longer than a worker waits: it is this one.
        httpx.get(f"{self.execution_url}health", timeout=30, trust_env=False).raise_for_status()
        health = self.api.get("/monitor/health")
        sick = {}
        for component, started in self._started.items():
            if component in ("api-server", "execution-api"):
                continue  # they have answered
            name = component.replace("-", "_")
            status, heartbeat = health[name]["status"], health[name][f"latest_{name}_heartbeat"]
            if status != "healthy" or heartbeat is None or datetime.fromisoformat(heartbeat) < started:
                sick[component] = f"{status}, last heartbeat {heartbeat}"
        return sick

    def _airflow(self) -> list[str]:
        return [self.python, "-m", "airflow"]

    def _environment(self, bundles: Sequence[Mapping[str, Any]], connection: str) -> dict[str, str]:
        """Return the environment of every component: nothing of the caller's Airflow or Lithops gets in."""
        ours = ("AIRFLOW", "LITHOPS", "__LITHOPS", "PYTEST", "COV_", "PYTHONDONTWRITEBYTECODE")
        env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        settings = {
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__PARALLELISM": "8",
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__DAGS_FOLDER": str(self.dags),
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__TEST_CONNECTION": "Enabled",
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "CORE__EXECUTION_API_SERVER_URL": self.execution_url,
            "CORE__HOSTNAME_CALLABLE": "socket.gethostname",
            "CORE__FERNET_KEY": "",
            "API__BASE_URL": self.url,
            "API__SECRET_KEY": secrets.token_hex(32),
            "API_AUTH__JWT_SECRET": secrets.token_hex(64),
            "DATABASE__SQL_ALCHEMY_CONN": connection,
            "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
            "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(self.home / "bundles"),
            "LOGGING__BASE_LOG_FOLDER": str(self.logs),
            "USAGE_DATA_COLLECTION__ENABLED": "False",
            **FAST,
        }
        env |= {f"AIRFLOW__{name}": value for name, value in settings.items()}
        return env | {
            processes.MARKER: str(self.home),
            "AIRFLOW_HOME": str(self.home),
            "HOME": str(self.user_home),
            "TMPDIR": str(self.tmp),
            "USER": env.get("USER") or getpass.getuser(),
            "PATH": os.pathsep.join([str(Path(self.python).parent), env.get("PATH", os.defpath)]),
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "DO_NOT_TRACK": "1",
        }


def _bundle(name: str, classpath: str, **kwargs: str) -> dict[str, Any]:
    return {"name": name, "classpath": classpath, "kwargs": kwargs}


def free_port(preferred: int = 0) -> int:
    """
    Return a port of 127.0.0.1 that nothing listens on.

    :param preferred: the port to take if it is free, or else the next one above it; 0 for any
    """
    for port in range(preferred, preferred + 100) if preferred else (0,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StackError(f"No port from {preferred} to {preferred + 99} is free.")


def _wait(started: Sequence[subprocess.Popen[bytes]], seconds: float) -> bool:
    """Wait until all processes have ended; return whether they have."""
    deadline = time.monotonic() + seconds
    try:
        for process in started:
            process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True
