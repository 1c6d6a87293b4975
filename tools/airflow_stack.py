"""A real Airflow in a folder of its own: its components, started, watched and ended from here."""

from __future__ import annotations

import getpass
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType

import httpx
import psutil

from tools import processes
from tools.airflow_api import AirflowApi, AirflowApiError
from tools.airflow_database import record_death
from tools.airflow_settings import SETTINGS, bundle_list, executor_settings, inherited, variables
from tools.ports import free_port
from tools.waiting import HANGS, wait_until


class StackError(Exception):
    """Airflow did not start, or a part of it ended by itself; the message has the end of its log."""


class AirflowStack:
    """
    A running Airflow. Use it as a context manager, or call :meth:`start` and :meth:`stop`.

    On SQLite the api-server is split in two, as Airflow allows: what people use and what workers use. In one process
    the two lock each other out: a user's write waits, in the event loop, for a worker's, whose commit waits for that
    loop.

    :param home: its folder; database, logs, temporary files and the home folder of its tasks go there
    :param dags: folders with DAG files; ``home/dags`` is always one more, for DAGs written while it runs
    :param repositories: git repositories with DAG files in their branch ``main``; Airflow keeps versions of those
    :param env: environment variables for every component and task: ``AIRFLOW_CONN_X``, ``AIRFLOW__A__B``...
    :param sql_alchemy_conn: database; SQLite in ``home`` unless given
    :param broker_url: Redis, by which the CeleryExecutor has a worker run the tasks, which needs another database than
        SQLite; without it, the LocalExecutor runs them
    :param port: port of the UI and API on 127.0.0.1; a free one unless given
    :param python: interpreter of the environment that has Airflow
    :param preload: source that the scheduler runs before it starts; the tasks of its LocalExecutor are forks of it
    """

    def __init__(
        self,
        home: Path,
        dags: Sequence[Path] = (),
        *,
        repositories: Sequence[Path] = (),
        env: Mapping[str, str] | None = None,
        sql_alchemy_conn: str | None = None,
        broker_url: str | None = None,
        port: int | None = None,
        python: str = sys.executable,
        preload: str = "",
    ) -> None:
        self.home = home.resolve()
        self.dags = self.home / "dags"
        self.logs = self.home / "logs"
        self.tmp = self.home / "tmp"
        self.user_home = self.home / "home"
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.execution_port: int | None = None
        if sql_alchemy_conn is None:
            sql_alchemy_conn = f"sqlite:///{self.home / 'airflow.db'}?timeout=30"
            self.execution_port = free_port(self.port + 1)
        self.execution_url = f"http://127.0.0.1:{self.execution_port or self.port}/execution/"
        self.components = (  # in the order they are started; the slowest first
            "api-server",
            *(["execution-api"] if self.execution_port else []),
            *("scheduler", "dag-processor", "triggerer"),
            *(["worker"] if broker_url else []),
        )
        self.api = AirflowApi(self.url)
        self.python = python
        self.preload = preload
        self.repositories = tuple(repositories)
        folders = {f"{folder.name}-folder": folder.resolve() for folder in dags} | {"written": self.dags}
        settings = SETTINGS | executor_settings(broker_url)
        settings["DATABASE__SQL_ALCHEMY_CONN"] = self._database = sql_alchemy_conn
        settings["DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"] = bundle_list(folders, repositories)
        self.env = self._environment(settings) | dict(env or {})
        if repositories:
            # Else the bundle looks for it in the database, and Airflow 3.1 then forgets the bundles that it was adding.
            self.env.setdefault("AIRFLOW_CONN_GIT_DEFAULT", '{"conn_type": "git"}')
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, datetime] = {}
        self._sessions: set[int] = set()  # process ids of all components that ever ran: each leads a session

    # -- life ----------------------------------------------------------------------------------------------

    def start(self, timeout: float = HANGS) -> AirflowStack:
        """
        Prepare the database, start every component and wait until all are healthy.

        :param timeout: seconds after which the attempt is given up, each for the database and the components
        """
        for folder in (self.home, self.dags, self.logs, self.tmp, self.user_home):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            self.cli("db", "migrate", timeout=timeout)
            for component in self.components:
                self.start_component(component)
            self.wait_healthy(timeout)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, patience: float = 5) -> list[str]:
        """
        End every component, and then whatever else of this stack is left.

        :param patience: seconds that what its tasks have started has to end by itself
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
        leftovers = processes.wait_gone(self.processes, seconds=patience)
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

        :param component: one of ``components``
        """
        server = ["api-server", "--host", "127.0.0.1"]
        arguments = {
            "api-server": [*server, "--port", str(self.port), "--apps", "core" if self.execution_port else "all"],
            "execution-api": [*server, "--port", str(self.execution_port), "--apps", "execution"],
            "scheduler": ["scheduler", "--skip-serve-logs"],
            "dag-processor": ["dag-processor"],
            "triggerer": ["triggerer", "--skip-serve-logs"],
            "worker": ["celery", "worker", "--skip-serve-logs", "--without-mingle", "--without-gossip"],
        }
        with self.log_file(component).open("ab") as log:
            self._running[component] = subprocess.Popen(
                [*self._airflow(self.preload if component == "scheduler" else ""), *arguments[component]],
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

    def kill(self, component: str, signum: int = signal.SIGKILL, timeout: float = HANGS) -> None:
        """
        End one component.

        After SIGKILL its child processes are killed too (the scheduler's: executor, supervisors, tasks), as
        when a machine is lost; what has left their session, as Lithops's runners do, goes on.

        :param component: one of ``components``
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
            record_death(self._database, component)
        if not ended:
            raise StackError(f"{component} did not end within {timeout} s.\n{self.log_tail(component)}")

    def restart(self, component: str, signum: int = signal.SIGTERM, timeout: float = HANGS) -> None:
        """
        End one component, start it again and wait until all are healthy.

        :param component: one of ``components``
        :param signum: how to end it, as of :meth:`kill`
        :param timeout: how long it has to become healthy
        """
        self.kill(component, signum)
        self.start_component(component)
        self.wait_healthy(timeout)

    def pid(self, component: str) -> int:
        """
        Return the process id of a component.

        :param component: one of ``components``
        """
        return self._running[component].pid

    def wait_healthy(self, timeout: float = HANGS) -> None:
        """
        Wait until the API says that all components are healthy.

        :param timeout: seconds after which StackError is raised
        """
        problems: list[object] = [None]

        def healthy() -> bool:
            self.check_alive()
            try:
                problems[0] = self._sick()
            except (httpx.HTTPError, AirflowApiError) as error:
                problems[0] = error
            return not problems[0]

        try:
            wait_until(healthy, seconds=timeout, interval=0.2)
        except TimeoutError:
            tails = "\n".join(self.log_tail(component) for component in self.components)
            raise StackError(f"Airflow is not healthy after {timeout} s: {problems[0]}\n{tails}") from None

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

        :param component: one of ``components``
        """
        return self.logs / f"{component}.log"

    def log_tail(self, component: str, lines: int = 30) -> str:
        """
        Return the end of a component's output.

        :param component: one of ``components``
        :param lines: how many lines
        """
        path = self.log_file(component)
        text = path.read_text(errors="replace") if path.exists() else ""
        return "\n".join([f"--- {path}", *text.splitlines()[-lines:]])

    def cli(self, *arguments: str, timeout: float = HANGS) -> str:
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
        httpx.get(f"{self.execution_url}health", timeout=HANGS, trust_env=False).raise_for_status()
        health = self.api.get("/monitor/health")
        sick = {}
        for component, started in self._started.items():
            if component in ("api-server", "execution-api", "worker"):
                continue  # servers have answered; a worker finds in its queue what was sent before it was up
            name = component.replace("-", "_")
            status, heartbeat = health[name]["status"], health[name][f"latest_{name}_heartbeat"]
            if status != "healthy" or heartbeat is None or datetime.fromisoformat(heartbeat) < started:
                sick[component] = f"{status}, last heartbeat {heartbeat}"
        return sick

    def _airflow(self, preload: str = "") -> list[str]:
        if preload:
            return [self.python, "-c", f"from airflow.__main__ import main\n{preload}\nmain()"]
        return [self.python, "-m", "airflow"]

    def _environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of every component: nothing of the caller's Airflow or Lithops gets in."""
        env = inherited()
        return {
            **env,
            **variables(
                {
                    **settings,
                    "CORE__DAGS_FOLDER": str(self.dags),
                    "CORE__EXECUTION_API_SERVER_URL": self.execution_url,
                    "API__BASE_URL": self.url,
                    "API__SECRET_KEY": secrets.token_hex(32),
                    "API_AUTH__JWT_SECRET": secrets.token_hex(64),
                    "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(self.home / "bundles"),
                    "LOGGING__BASE_LOG_FOLDER": str(self.logs),
                }
            ),
            processes.MARKER: str(self.home),
            "AIRFLOW_HOME": str(self.home),
            "HOME": str(self.user_home),
            "TMPDIR": str(self.tmp),
            "USER": env.get("USER") or getpass.getuser(),
            "PATH": os.pathsep.join([str(Path(self.python).parent), env.get("PATH", os.defpath)]),
        }


def _wait(started: Sequence[subprocess.Popen[bytes]], seconds: float) -> bool:
    """Wait until all processes have ended; return whether they have."""
    deadline = time.monotonic() + seconds
    try:
        for process in started:
            process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True
