"""When a deferrable task leaves its worker."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from lithops_provider.jobs.errors import ConfigurationError, JobCancelledError
from lithops_provider.jobs.follow.follower import Progress
from lithops_provider.task import deferral
from lithops_provider.task.deferral import WorkerWait, check_wanted, defer_after, defer_at_least
from tests.jobs.made import make_job
from tests.task.instances import Instance


def of_100(done: int) -> Progress:
    return Progress(total=100, done=done, failed=0, calls=2, started=2, ended=0)


@pytest.mark.parametrize(
    ("seconds", "progress", "deferred"),
    [
        (4.9, None, False),
        (4.9, of_100(0), False),
        (5.1, None, True),
        (5.1, of_100(0), True),
        (5.0, of_100(25), False),  # over after 20 s, and a deferral would bring the task back after 25
        (5.0, of_100(19), True),  # over after 26 s
        (24.9, of_100(100), False),  # its calls haven't reported their ends yet
        (25.1, of_100(100), True),
    ],
)
def test_a_job_that_is_over_soon_is_waited_for_in_the_worker(
    monkeypatch: pytest.MonkeyPatch, seconds: float, progress: Progress | None, deferred: bool
) -> None:
    monkeypatch.setenv("AIRFLOW__LITHOPS__DEFER_AFTER", "5")
    monkeypatch.setenv("AIRFLOW__LITHOPS__DEFER_AT_LEAST", "20")
    now = 1000.0
    monkeypatch.setattr(deferral.time, "monotonic", lambda: now)
    wait = WorkerWait()
    now += seconds
    assert wait.enough(progress) is deferred


def test_without_a_wait_a_task_is_deferred_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__LITHOPS__DEFER_AFTER", "0")
    monkeypatch.setenv("AIRFLOW__LITHOPS__DEFER_AT_LEAST", "0")
    assert WorkerWait().enough(of_100(50))


@pytest.mark.parametrize("value", ["-1", "inf", "nan"])
@pytest.mark.parametrize(("option", "read"), [("defer_after", defer_after), ("defer_at_least", defer_at_least)])
def test_what_is_no_number_of_seconds_is_refused(
    monkeypatch: pytest.MonkeyPatch, option: str, read: object, value: str
) -> None:
    monkeypatch.setenv(f"AIRFLOW__LITHOPS__{option.upper()}", value)
    assert callable(read)
    with pytest.raises(ConfigurationError, match=rf"\[lithops\] {option} in Airflow's configuration is {value}"):
        read()


@pytest.mark.parametrize(("state", "ended"), [("running", False), ("failed", True), ("success", True), (None, False)])
def test_a_task_that_somebody_has_ended_meanwhile_is_not_deferred(state: str | None, ended: bool) -> None:
    class Told(Instance):
        def get_task_states(self, **named: Any) -> dict[str, dict[str, str | None]]:
            return {"r": {"t": state}}

    expected = pytest.raises(JobCancelledError, match=f"its task is {state} by now") if ended else nullcontext()
    with expected:
        check_wanted(Told(), make_job())
