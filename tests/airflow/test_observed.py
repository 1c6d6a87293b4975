"""What real tasks tell others of their jobs: metrics, traces and lineage, under Airflow's own configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.airflow.conftest import RunDag
from tests.airflow.receivers import Received, receivers
from tests.airflow.seed import Storage
from tests.airflow_version import AIRFLOW, needs_airflow
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack
from tools.waiting import wait_until

DAGS = Path(__file__).parent / "dags"
#: The tasks that do the same, one of them deferred.
TASKS = ["waiting", "deferring"]


class Observed(NamedTuple):
    run: DagRun
    received: Received
    storage: Storage


def spans_of_jobs(received: Received, task: str) -> list[Any]:
    """The spans of jobs that have come, and that are below a task's span that has come as well."""
    spans = {span.span_id: span for span in list(received.spans)}
    tasks = {identifier for identifier, span in spans.items() if span.name == f"worker.{task}"}
    return [span for span in spans.values() if span.name.startswith("lithops.map ") and span.parent_span_id in tasks]


def wait_for_ends(received: Received) -> None:
    """A task tells of its end when its state is known already."""
    ends = [*((task, "COMPLETE") for task in TASKS), ("stopped", "FAIL")]
    traced = [*TASKS, "stopped"] if AIRFLOW >= (3, 2) else []

    def told() -> bool:
        # A deferred task has two spans of its own, and only the second has the job's below it.
        return all(received.events(*end) for end in ends) and all(spans_of_jobs(received, task) for task in traced)

    wait_until(told, lambda: f"Lineage: {[received.events(*end) for end in ends]}; spans: {received.spans}")


@pytest.fixture(scope="module")
def observed(airflow: AirflowStack, run_dag: RunDag, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """
    A run whose tasks have told all they tell: they have the scheduler's environment.

    The scheduler keeps it to its end: after this module comes no other (``ORDER`` in conftest.py).
    """
    storage = Storage.of(airflow)
    storage.put_lines()
    with receivers(tmp_path_factory.mktemp("received")) as (received, settings):
        # The API server, which has made the run, has no traces, and so has said that this one needs none.
        airflow.env |= settings | {"OTEL_TRACES_SAMPLER": "always_on"}
        airflow.restart("scheduler")
        run = run_dag("observed", check=False)
        wait_for_ends(received)
        yield Observed(run, received, storage)


@pytest.mark.parametrize("task", TASKS)
def test_metrics_arrive(observed: Observed, task: str) -> None:
    found = observed.received.metrics_of(task)

    milliseconds, kind = found.pop("job_seconds").split("|")
    assert (float(milliseconds) > 100, kind) == (True, "ms")
    assert found == {
        **{"items_submitted": "2|c", "calls_submitted": "2|c", "items_succeeded": "2|c", "items_failed": "0|c"}
    }


def test_metrics_of_a_job_that_was_stopped(observed: Observed) -> None:
    found = observed.received.metrics_of("stopped")
    succeeded, unfinished = (found[f"items_{name}"].partition("|") for name in ("succeeded", "unfinished"))

    assert found["items_submitted"] == "3|c"
    assert int(succeeded[0]) + int(unfinished[0]) == 3
    assert int(unfinished[0]) >= 2
    assert succeeded[1:] == unfinished[1:] == ("|", "c")


@needs_airflow("3.2", "traces of tasks")
@pytest.mark.parametrize("task", [*TASKS, "stopped"])
def test_a_span_arrives_below_that_of_the_task(observed: Observed, task: str) -> None:
    spans = {span.span_id: span for span in observed.received.spans}
    (span,) = spans_of_jobs(observed.received, task)

    parent = spans[span.parent_span_id]
    assert span.trace_id == parent.trace_id
    assert span.start_time_unix_nano < span.end_time_unix_nano <= parent.end_time_unix_nano
    attributes = {entry.key: entry.value for entry in span.attributes}
    job = observed.run.xcom(task, key="lithops_job")["jobs"]["map"]
    assert attributes["lithops.executor_id"].string_value == job["executor_id"]
    assert [event.name for event in span.events] == ["round sent"]
    if task == "stopped":
        assert attributes["lithops.unfinished"].int_value >= 2
        assert span.status.code == span.status.STATUS_CODE_ERROR
        assert span.status.message.startswith("JobTimeoutError")
    else:
        assert span.status.code == span.status.STATUS_CODE_UNSET


def datasets(entries: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(entry["namespace"], entry["name"]) for entry in entries}


@pytest.mark.parametrize("task", TASKS)
def test_lineage_is_told_at_start_and_end(observed: Observed, task: str) -> None:
    folder = observed.storage.folder
    inputs = {("file", str(folder / "seed" / "lines" / name)) for name in ("a.txt", "b.txt")}
    # The OpenLineage provider of Airflow 3.1 knows no assets.
    outlets = {("file", f"/observed/{task}")} if AIRFLOW >= (3, 2) else set()
    job = observed.run.xcom(task, key="lithops_job")["jobs"]["map"]
    results = ("file", str(folder / "storage" / "lithops.jobs" / job["executor_id"]))

    starts = observed.received.events(task, "START")
    assert starts
    for start in starts:
        assert datasets(start["inputs"]) == inputs
        assert datasets(start["outputs"]) == outlets
    (complete,) = observed.received.events(task, "COMPLETE")
    assert datasets(complete["inputs"]) == inputs
    written = ("file", str(folder / "seed" / "counts" / "lines"))
    assert datasets(complete["outputs"]) == {*outlets, results, written}
    assert {event["run"]["runId"] for event in starts} == {complete["run"]["runId"]}
    assert complete["job"]["facets"]["lithops_function"]["name"] == "count_lines"
    file = DAGS / "observed.py"
    line = file.read_text().splitlines().index("def count_lines(obj: Any, storage: Any) -> int:") + 1
    assert complete["job"]["facets"]["sourceCodeLocation"]["url"] == f"file://{file}#L{line}"
    facet = complete["run"]["facets"]["lithops_job"]
    assert (facet["executorId"], facet["items"], facet["function"]) == (job["executor_id"], 2, "count_lines")


def test_lineage_of_a_task_that_failed(observed: Observed) -> None:
    (failed,) = observed.received.events("stopped", "FAIL")

    assert failed["run"]["facets"]["lithops_job"]["items"] == 3


@pytest.mark.parametrize("task", TASKS)
def test_outlets_become_asset_events(airflow: AirflowStack, observed: Observed, task: str) -> None:
    found = airflow.api.get("/assets/events", source_dag_id="observed", source_task_id=task)["asset_events"]

    (event,) = [entry for entry in found if entry["source_run_id"] == observed.run.run_id]
    assert event["uri"] == f"file:///observed/{task}"
