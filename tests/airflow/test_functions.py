"""Functions in DAG files of a git bundle, run by a real scheduler; an older version is what a run of it runs."""

from __future__ import annotations

import textwrap
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.beside import beside
from tests.airflow.conftest import GATE, Repository
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack
from tools.waiting import wait_until

DAG_FILE = """
    import enum
    import threading
    from dataclasses import dataclass
    from pathlib import Path

    import versions_sibling
    from airflow.sdk import DAG, task
    from team.tools import nested
    from versions_package.sub import packaged

    from lithops_provider.operators import LithopsMapOperator

    VERSION = "{version}"
    lock = threading.Lock()

    class Color(enum.Enum):
        RED = "red"

    @dataclass(frozen=True)
    class Point:
        x: int
        color: Color = Color.RED

        def described(self):
            return f"{{VERSION}} {{self.color.value}} {{self.x}}"

    class Unlucky(Exception):
        def __init__(self, number, reason):
            super().__init__(f"{{number}} is {{reason}} in {{VERSION}}")

    def helper(x):
        return [VERSION, versions_sibling.VERSION, nested.VERSION, packaged(), Point(x).described()]

    def make_point(x):
        return Point(x)

    def check_points(points, *, offset):
        assert all(type(point) is Point and point.color is Color.RED for point in points), points
        return [VERSION, sum(point.x for point in points) + offset, points == [Point(1), Point(2)]]

    with DAG("versions", schedule=None, default_args={{"poll_interval": 0.2}}) as dag:

        @task.sensor(poke_interval=0.5, timeout=3600)
        def released(gate: str):
            return not gate or Path(gate).exists()

        @task.lithops_map
        def whole(x):
            import versions_inside
            return [*helper(x), versions_inside.VERSION, "{version}"]

        @task.lithops_map_reduce(reduce_function=check_points, extra_args_reduce={{"offset": 7}}, deferrable=True)
        def points(x):
            return make_point(x)

        @task.lithops_map(min_success_ratio=0.5)
        def unlucky(x):
            if x == 13:
                raise Unlucky(x, "unlucky")
            return x

        @task.lithops
        def uses_lock(x):
            with lock:
                return x

        @task.lithops
        def uses_dag(x):
            return dag.dag_id

        by_operator = LithopsMapOperator(task_id="by_operator", map_function=helper, map_iterdata=[3])
        last = [whole([1, 2]), points([1, 2]), unlucky([1, 13]), by_operator]
        released("{{{{ dag_run.conf.get('gate', '') }}}}") >> last

    with DAG("cannot_travel", schedule=None):
        uses_lock(1)
        uses_dag(1)
"""


def files(version: str) -> dict[str, str]:
    return {
        "versions.py": textwrap.dedent(DAG_FILE).format(version=version),
        "versions_sibling.py": f"VERSION = '{version}'",
        "versions_inside.py": f"VERSION = '{version}'",
        "team/tools/nested.py": f"VERSION = '{version}'",
        "versions_package/__init__.py": "",
        "versions_package/sub.py": f"def packaged(): return '{version}'",
    }


def wait_for_version(airflow: AirflowStack, commit: str) -> None:
    airflow.api.wait_for_dag("versions")
    wait_until(
        lambda: airflow.api.get("/dags/versions/details")["bundle_version"] == commit,
        airflow.api.import_errors,
        interval=0.3,
    )


def start_runs(airflow: AirflowStack, folder: Path) -> Future[list[DagRun]]:
    (path,) = airflow.repositories
    repository = Repository(path)
    waiting = folder / "waiting"
    waiting.mkdir()

    def both() -> list[DagRun]:
        wait_for_version(airflow, repository.commit(files("one")))
        older = airflow.api.trigger("versions", {"gate": str(waiting / GATE)})
        older.wait_for_task("released", "running", "up_for_reschedule")
        wait_for_version(airflow, repository.commit(files("two")))
        newer = airflow.api.trigger("versions")
        (waiting / GATE).touch()
        return [older.wait(), newer.wait()]

    return beside(both)


@pytest.fixture(scope="module")
def runs(started: Future[list[DagRun]]) -> list[DagRun]:
    """A run of the first version, whose tasks start when the second is there already; and one of the second."""
    return started.result()


@pytest.mark.parametrize(("index", "version"), [(0, "one"), (1, "two")])
def test_each_run_runs_the_functions_of_its_version(runs: list[DagRun], index: int, version: str) -> None:
    run = runs[index]

    assert run.xcom("whole") == [[*[version] * 4, f"{version} red {x}", version, version] for x in (1, 2)]
    assert run.xcom("by_operator") == [[*[version] * 4, f"{version} red 3"]]


@pytest.mark.parametrize(("index", "version"), [(0, "one"), (1, "two")])
def test_results_are_instances_of_the_files_classes(runs: list[DagRun], index: int, version: str) -> None:
    """The map is sent by one process and the reduce, after the deferral, by another."""
    assert runs[index].xcom("points") == [version, 10, True]


@pytest.mark.parametrize(("index", "version"), [(0, "one"), (1, "two")])
def test_exceptions_are_instances_of_the_files_classes(runs: list[DagRun], index: int, version: str) -> None:
    failure: dict[str, Any] = runs[index].xcom("unlucky", key="lithops_failures")["items"][0]

    assert runs[index].xcom("unlucky") == [1, None]
    assert (failure["type"], failure["message"]) == ("Unlucky", f"13 is unlucky in {version}")


def test_what_can_not_travel_is_named_and_not_retried(runs: list[DagRun], airflow: AirflowStack) -> None:
    run = airflow.api.trigger("cannot_travel").wait(check=False)
    source = textwrap.dedent(DAG_FILE).format(version="two").splitlines()

    for task_id, text, found in (
        ("uses_lock", "with lock:", "to 'lock', of type _thread.lock, which can't be pickled"),
        ("uses_dag", "dag.dag_id", "to 'dag', of type airflow.sdk.definitions.dag.DAG, which doesn't travel"),
    ):
        line = 1 + next(number for number, entry in enumerate(source) if text in entry)
        assert run.task(task_id)["try_number"] == 1
        assert f"NotPortableError: the function {task_id} can't be shipped" in run.log(task_id)
        assert f"refers in line {line} of versions.py {found}" in run.log(task_id)
