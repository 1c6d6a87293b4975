"""One real Airflow for nearly all tests in this folder: api-server, scheduler, dag-processor and triggerer.

A test asks for ``run_dag`` (run a DAG of ``dags/`` and look at what came out) or for ``airflow`` (everything
else: the REST API, killing and restarting components, processes).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.airflow.guarded import Guarded, guarded_server
from tests.airflow.warm import interpreter_of_runners, preload_of_scheduler
from tests.browser import browser
from tests.conftest import KEPT, ROOT, patience
from tools import processes
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack, StackError

__all__ = ["browser"]  # a fixture

HERE = Path(__file__).parent
#: Jobs of tests are short, and are deferred all the same. How long a deferral lasts is left as users have it: with 5
#: seconds, the scheduler of a busy machine took longer for a round, and failed a task whose deferral was over already.
DEFER_AT_ONCE = {"AIRFLOW__LITHOPS__DEFER_AFTER": "0"}
OTHERS = "all others"
#: In which order modules run. The first has an Airflow of its own, which has ended when that of all others starts. The
#: last kill and restart parts of that; after the very last, its scheduler tells servers of tasks that are gone.
ORDER = (
    "test_celery.py",
    OTHERS,
    *("test_stack.py", "test_cancelling.py", "test_executor_killed.py", "test_observed.py"),
)
#: The name of a file that jobs of ``start_runs`` wait for, until a test makes it; it's made at the end in any case.
GATE = "gate"
STACKS = pytest.StashKey[list[AirflowStack]]()


class RunDag(Protocol):
    """Type of the ``run_dag`` fixture."""

    def __call__(self, dag_id: str, conf: dict[str, Any] | None = None, *, check: bool = True) -> DagRun:
        """Run a DAG to its end.

        :param dag_id: the DAG
        :param conf: the run's configuration
        :param check: whether a failed run raises DagRunFailed, with the logs of the tasks that failed
        """
        ...


class Repository:
    """
    A git repository.

    :param path: its folder, which is made if there is none
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.mkdir()
            self._git("init", "--quiet", "--initial-branch=main")

    def commit(self, files: dict[str, str]) -> str:
        """Write files, commit them, and return the commit's id."""
        for name, text in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self._git("add", "--all")
        self._git("-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "--message=test")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.path), *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


@pytest.fixture(scope="session")
def repository() -> Repository:
    """A git repository whose DAGs are in the Airflow, with their versions; without any at first."""
    made = Repository(ROOT / "versions")
    made.commit({".airflowignore": ""})
    return made


@contextmanager
def running(stack: AirflowStack, config: pytest.Config) -> Iterator[AirflowStack]:
    """Start an Airflow, keep its logs if tests fail, and stop it; what it leaves behind is an error."""
    try:
        stack.start()
    except StackError as error:
        pytest.fail(f"Airflow has not started; its logs are in {KEPT.note('airflow', str(error))}", pytrace=False)
    stacks = config.stash.setdefault(STACKS, [])
    stacks.append(stack)
    yield stack
    stacks.remove(stack)
    # Whatever a test did, the work of its tasks must have ended by now or end by itself.
    strays = processes.wait_gone(stack.strays, patience())
    left = [processes.describe(process) for process in strays] + stack.stop(patience())
    assert not left, "Airflow's tasks left processes:\n" + "\n".join(left)
    # Lithops's storage and its copy of itself are in lithops-USER; anything else was forgotten there.
    files = [path.name for path in stack.tmp.iterdir() if not path.name.startswith("lithops-")]
    assert not files, f"Airflow's tasks left temporary files: {files}"


@pytest.fixture(scope="session")
def airflow(request: pytest.FixtureRequest, repository: Repository) -> Iterator[AirflowStack]:
    """A running Airflow with the DAGs of ``tests/airflow/dags``."""
    path = ROOT / "runners"
    stack = AirflowStack(
        ROOT / "stack",
        [HERE / "dags"],
        repositories=[repository.path],
        env=DEFER_AT_ONCE,
        preload=preload_of_scheduler(path),
    )
    runners = interpreter_of_runners(stack)
    runners.listen(path)
    with running(stack, request.config):
        yield stack
        runners.end()


@pytest.fixture(scope="session")
def _all_started(
    request: pytest.FixtureRequest, airflow: AirflowStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    functions = [item for item in request.session.items if isinstance(item, pytest.Function)]
    if any("guarded" in item.fixturenames for item in functions):
        request.getfixturevalue("_guarded_starts")  # which takes as long as the runs
    modules = {item.module.__name__: item.module for item in functions}
    starting = {name: module for name, module in modules.items() if hasattr(module, "start_runs")}
    folders = {name: tmp_path_factory.mktemp("runs") for name in starting}
    yield {name: module.start_runs(airflow, folders[name]) for name, module in starting.items()}
    # Jobs that no test has let go end as well.
    for inner in [path for folder in folders.values() for path in folder.rglob("*") if path.is_dir()]:
        (inner / GATE).touch()


@pytest.fixture(scope="module")
def started(request: pytest.FixtureRequest, _all_started: dict[str, Any]) -> Any:
    """
    What ``start_runs`` of the test module has returned, which is given the Airflow and a folder.

    It is called before the first test that asks for this, that of every module: Airflow runs side by side what they
    start, while tests wait for one after another. What has to wait in between, it does by ``beside``. Jobs may wait for
    a file ``GATE`` in a folder inside the folder.
    """
    return _all_started[request.module.__name__]


@pytest.fixture(scope="session")
def _guarded_starts(airflow: AirflowStack) -> Iterator[Guarded]:
    with guarded_server(airflow) as server:
        yield server


@pytest.fixture(scope="session")
def guarded(_guarded_starts: Guarded) -> Guarded:
    """A second API server, which asks for a login."""
    _guarded_starts.wait()
    return _guarded_starts


@pytest.fixture(scope="session")
def ended(airflow: AirflowStack) -> Iterator[dict[str, DagRun]]:
    """Runs for the page, by DAG: one that has failed, its connection full of secrets, and one with 100,000 items."""
    config = {
        "lithops": {"backend": "localhost", "storage": "localhost"},
        "aws": {"access_key_id": "s3cret-of-the-page-1", "secret_access_key": "s3cret-of-the-page-2"},
    }
    airflow.api.create_connection("lithops_page", "lithops", extra=json.dumps(config))
    runs = [airflow.api.trigger("page_fails", {"conn_id": "lithops_page"}), airflow.api.trigger("page_many")]
    yield {run.dag_id: run.wait(check=False) for run in runs}
    airflow.api.delete_connection("lithops_page")


@pytest.fixture(scope="session")
def run_dag(airflow: AirflowStack) -> RunDag:
    """Run a DAG in the real Airflow, and get what it did."""

    def run(dag_id: str, conf: dict[str, Any] | None = None, *, check: bool = True) -> DagRun:
        return airflow.api.trigger(dag_id, conf).wait(check=check)

    return run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, so that ``-m "not airflow"`` leaves them out."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.airflow)
    order = {name: place for place, name in enumerate(ORDER)}
    items.sort(key=lambda item: order.get(item.path.name, order[OTHERS]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the end of each component's log as it is when a test fails."""
    report = yield
    if report.failed:
        for stack in item.config.stash.get(STACKS, []):
            KEPT.note(item.nodeid, "\n".join(stack.log_tail(name) for name in stack.components))
    return report
