from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from lithops_provider.jobs.errors import JobCancelledError
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.report import telemetry
from tests.jobs.made import make_job

TAGS = {"dag_id": "dag", "task_id": "task", "kind": "map", "backend": "localhost"}
SUMMARY: dict[str, Any] = {"items": 5, "succeeded": 4, "failed": 1, "retried": 2, "calls": 2, "wall_seconds": 1.5}


@dataclass
class Instance:
    dag_id: str = "dag"
    task_id: str = "task"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What Airflow's statistics are told, once they have taken it themselves."""
    found: list[tuple[Any, ...]] = []
    for name in ("incr", "timing"):
        real = getattr(telemetry.Stats, name)

        def take(stat: str, value: Any, *, tags: dict[str, str], real: Any = real) -> None:
            real(stat, value, tags=tags)
            assert tags == TAGS
            found.append((stat, value))

        monkeypatch.setattr(telemetry.Stats, name, staticmethod(take))
    return found


@pytest.fixture
def job() -> LithopsJob:
    return make_job(3, items=5, created=1000.5)


def test_what_is_sent_is_counted_round_by_round(told: list[tuple[Any, ...]], job: LithopsJob) -> None:
    telemetry.count_sent(Instance(), job)
    assert told == [("lithops.items_submitted", 5), ("lithops.calls_submitted", 3)]

    told.clear()
    telemetry.count_sent(Instance(), job.with_round(2, 1))
    assert told == [("lithops.items_submitted", 2), ("lithops.calls_submitted", 1), ("lithops.items_retried", 2)]


def test_what_became_of_items_is_counted(told: list[tuple[Any, ...]], job: LithopsJob) -> None:
    telemetry.tell_of_end(Instance(), job, SUMMARY)

    assert told == [
        ("lithops.items_succeeded", 4),
        ("lithops.items_failed", 1),
        ("lithops.job_seconds", timedelta(seconds=1.5)),
    ]


def test_what_a_job_that_was_stopped_has_left_is_counted(told: list[tuple[Any, ...]], job: LithopsJob) -> None:
    telemetry.tell_of_end(Instance(), job, {**SUMMARY, "failed": 0, "unfinished": 1}, JobCancelledError("stopped"))

    assert told[1:3] == [("lithops.items_failed", 0), ("lithops.items_unfinished", 1)]


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Takes the spans."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_tracer", lambda: provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


def test_what_the_task_fails_with_is_the_spans_status(exporter: InMemorySpanExporter, job: LithopsJob) -> None:
    telemetry.tell_of_end(Instance(), job, SUMMARY)
    telemetry.tell_of_end(Instance(), job, SUMMARY, JobCancelledError("stopped\nand more"))

    good, bad = exporter.get_finished_spans()
    assert good.status.status_code == StatusCode.UNSET
    assert bad.status.status_code == StatusCode.ERROR
    assert bad.status.description == "JobCancelledError: stopped"


def test_a_job_is_a_span_below_the_tasks(exporter: InMemorySpanExporter, job: LithopsJob) -> None:
    with telemetry._tracer().start_as_current_span("worker.task"):
        telemetry.tell_of_end(Instance(), job.with_round(2, 1), {**SUMMARY, "compute_seconds": 0.5})

    span, task = exporter.get_finished_spans()
    assert span.name == "lithops.map f"
    assert span.parent is not None
    assert span.parent.span_id == task.context.span_id
    assert span.start_time == 1_000_500_000_000
    assert span.end_time is not None
    assert span.end_time > span.start_time
    assert span.attributes is not None
    assert span.attributes["lithops.executor_id"] == job.executor_id
    assert (span.attributes["lithops.failed"], span.attributes["lithops.compute_seconds"]) == (1, 0.5)
    assert [event.attributes["lithops.items"] for event in span.events if event.attributes] == [5, 2]
