from __future__ import annotations

import errno
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lithops_provider.jobs.adapter import invokers
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import StorageRefusedError, SubmitError
from lithops_provider.jobs.gather.outcomes import gather_outcomes
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.run import JobRun
from lithops_provider.jobs.submit.send import new_job, submit_round
from lithops_provider.jobs.submit.spec import JobSpec, Options, make_spec
from lithops_provider.jobs.wait import wait_for_job
from tests.jobs import process_faas
from tests.jobs.conftest import POLL, FaasMaker, MapStarter, finished, started, wait_for
from tests.jobs.looked_at import wait_for_file
from tools.waiting import HANGS

SCRIPT = str(Path(__file__).parents[1] / "script.py")


def script(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *arguments]
    return subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, timeout=HANGS)


def spec_of(function: Any, iterdata: Any, **options: Any) -> JobSpec:
    return make_spec("map", *bind_items(function, iterdata), Options(**options))


# -- the core: whoever submitted may die -----------------------------------------------------------------------


@pytest.mark.parametrize("end", [pytest.param("os._exit", marks=pytest.mark.thorough), "kill", "return"])
def test_a_script_submits_and_dies_and_another_gathers_from_the_jobs_value_alone(end: str) -> None:
    submitted = script("submit", end, "10000", "0")
    gathered = script("gather", given=submitted.stdout)

    assert submitted.returncode == (-signal.SIGKILL if end == "kill" else 0)
    assert len(submitted.stdout) < 1_000
    assert json.loads(gathered.stdout) == [x * x for x in range(10_000)]


def test_a_script_that_ends_does_not_wait_for_its_job() -> None:
    submitted = script("submit", "return", "2", "3600")  # it would take longer than a hang

    assert submitted.returncode == 0
    script("cancel", given=submitted.stdout)


# -- write ahead -----------------------------------------------------------------------------------------------


def test_the_jobs_value_is_recorded_before_anything_is_sent(client: LithopsClient) -> None:
    recorded: list[LithopsJob] = []

    def record(job: LithopsJob) -> None:
        assert client.keys(job.bucket, f"{job.round_prefix()}/") == []
        recorded.append(job)

    run = JobRun(client, spec_of(abs, [1, 2]), record=record, poll_interval=POLL)
    job = run.submit()
    run.finish()

    assert recorded == [job]
    assert recorded[0].round_prefix() == job.round_prefix()


def test_nothing_is_sent_if_the_value_cannot_be_recorded(client: LithopsClient) -> None:
    jobs: list[LithopsJob] = []

    def fail(job: LithopsJob) -> None:
        jobs.append(job)
        raise ConnectionError("no database")

    with pytest.raises(ConnectionError):
        JobRun(client, spec_of(abs, [1, 2]), record=fail).submit()

    assert client.keys(client.bucket, f"{jobs[0].round_prefix()}/") == []


def test_items_and_plan_are_stored_at_the_same_time(client: LithopsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    both, put = threading.Barrier(2), client.storage.put_object

    def put_object(bucket: str, key: str, data: bytes) -> None:
        if key.endswith(("/items", "/plan")):
            both.wait(HANGS)
        put(bucket, key, data)

    monkeypatch.setattr(client.storage, "put_object", put_object)

    assert finished(client, *bind_items(abs, [-5])).results() == [5]


# -- what is left as it was ------------------------------------------------------------------------------------


def test_airflow_keeps_its_alarm_its_handlers_and_its_threads(start_map: MapStarter) -> None:
    def handler(*args: Any) -> None: ...

    before = signal.signal(signal.SIGALRM, handler)
    remaining = signal.setitimer(signal.ITIMER_REAL, 1000)
    hook, handlers, level = sys.excepthook, logging.getLogger().handlers[:], logging.getLogger().level
    environment = dict(os.environ)
    threads = set(threading.enumerate())
    try:
        run = start_map(abs, [1, 2])
        submitted = set(threading.enumerate())
        run.finish()
        run.results()
        assert signal.getsignal(signal.SIGALRM) is handler
        assert 900 < signal.getitimer(signal.ITIMER_REAL)[0] <= 1000
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *remaining)

    assert sys.excepthook is hook
    assert (logging.getLogger().handlers, logging.getLogger().level) == (handlers, level)
    assert dict(os.environ) == environment
    assert submitted <= threads
    assert set(threading.enumerate()) <= threads


def test_the_file_that_holds_the_configuration_is_for_its_owner_only(start_map: MapStarter, tmp_path: Path) -> None:
    from lithops.constants import LITHOPS_TEMP_DIR

    run = start_map(wait_for_file, [str(tmp_path / "gate")])
    path = Path(LITHOPS_TEMP_DIR, run.job.bucket, f"{run.job.round_prefix()}-job.json")
    mode = path.stat().st_mode & 0o777
    (tmp_path / "gate").touch()
    run.finish()

    assert mode == 0o600
    wait_for(lambda: not path.exists())  # the runner deletes it when all calls have ended


# -- options ---------------------------------------------------------------------------------------------------


def test_environment_variables_reach_the_functions(run_map: MapStarter) -> None:
    run = run_map(lambda x: os.environ.get("TEST_VARIABLE"), [1, 2], extra_env={"TEST_VARIABLE": "ü"}, batch_size=1)

    assert run.results() == ["ü", "ü"]


_SQUARE = "def square(x):\n    return x * x\n"


@pytest.mark.parametrize("include", [[], ["travels"], None], ids=["found", "named", "none"])
def test_modules_are_shipped_as_asked(
    run_map: MapStarter, packaged: Callable[[str], ModuleType], include: list[str] | None
) -> None:
    run = run_map(packaged(_SQUARE).square, [3], include_modules=include, check_runtime=False)

    if include is None:
        (failure,) = (run.results(), run.failures())[1]
        assert failure.type == "ModuleNotFoundError"
        assert "can't be loaded in the runtime" in failure.message
    else:
        assert run.results() == [9]


@pytest.mark.parametrize("registered", ["travels", "travels.module"])
def test_what_is_registered_to_travel_by_value_is_not_shipped(
    packaged: Callable[[str], ModuleType], registered: str
) -> None:
    import cloudpickle

    square = packaged(_SQUARE).square
    cloudpickle.register_pickle_by_value(sys.modules[registered])
    try:
        modules = spec_of(square, [1]).modules
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[registered])

    assert not {name for name in modules if name.startswith("travels")}
    assert "travels.module" in spec_of(square, [1]).modules


# -- FaaS ------------------------------------------------------------------------------------------------------


def test_every_call_is_sent_before_submit_returns(faas: FaasMaker) -> None:
    """More calls than run at once: Lithops would leave those to threads, which end with the process."""
    client = faas(max_workers=2, invoke_pool_threads=2)

    run = started(client, *bind_items(abs, range(6)), batch_size=1)

    assert process_faas.invocations == 6
    run.finish()
    assert run.results() == list(range(6))


def test_functions_elsewhere_need_nothing_of_ours(faas: FaasMaker) -> None:
    def look(x: int, id: int, storage: Any) -> Any:
        import sys

        return x, id, storage.backend, [name for name in sys.modules if name.startswith("lithops_provider")]

    run = finished(faas(max_workers=2), *bind_items(look, [5, 6, 7]))

    assert run.results() == [(5, 0, "localhost", []), (6, 1, "localhost", []), (7, 2, "localhost", [])]
    assert process_faas.invocations == 2


def test_a_backend_at_its_limit_is_asked_again(faas: FaasMaker) -> None:
    process_faas.refuse = 2

    run = finished(faas(), *bind_items(abs, [1, 2]))

    assert run.results() == [1, 2]


def test_a_backend_that_takes_nothing_is_an_error(faas: FaasMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invokers, "_REFUSED_FOR", 0.1)
    process_faas.refuse = 1_000_000

    with pytest.raises(SubmitError, match=r"refused invocations .*; is its concurrency limit below"):
        started(faas(), *bind_items(abs, [1, 2]))


def test_a_task_that_times_out_while_it_is_refused_ends_at_once(
    faas: FaasMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow's execution_timeout is an alarm; threads that went on asking would hold the process back."""
    monkeypatch.setattr(invokers, "_REFUSED_FOR", 1e6)
    process_faas.refuse = 1_000_000

    def handler(*args: Any) -> None:
        raise TimeoutError("the task timed out")

    client, before = faas(), signal.signal(signal.SIGALRM, handler)
    assert client.compute
    signal.setitimer(signal.ITIMER_REAL, 3)
    try:
        with pytest.raises(TimeoutError, match="the task timed out"):
            started(client, *bind_items(abs, [1, 2]))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_calls_can_be_sent_from_a_remote_function(faas: FaasMaker) -> None:
    run = started(faas(remote_invoker=True), *bind_items(abs, [1, 2, 3]), batch_size=1)
    sent_from_here = process_faas.invocations
    run.finish()

    assert sent_from_here == 1
    assert run.results() == [1, 2, 3]


def test_a_call_whose_list_of_items_is_long_gets_it_through_storage(faas: FaasMaker) -> None:
    """As when thousands of items, here and there, are sent again: their numbers exceed the payload of an invocation."""
    client = faas(max_workers=2)
    spec = spec_of(abs, range(21_000))
    indices = list(range(0, 21_000, 3))

    job, _ = submit_round(client, new_job(client, spec), spec, indices)
    wait_for_job(client, job, poll_interval=POLL, timeout=HANGS)

    assert client.keys(job.bucket, f"{job.round_prefix()}/aggdata.pickle") != []
    assert sorted(gather_outcomes(client, job)) == indices


def test_a_storage_that_fails_in_passing_while_the_function_is_stored_is_asked_again(
    client: LithopsClient, start_map: MapStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    put_func = client._internal_storage.put_func

    def fail_once(key: str, function: bytes) -> None:
        asked.append(key)
        if len(asked) == 1:
            raise ConnectionError("reset by peer")
        put_func(key, function)

    monkeypatch.setattr(client._internal_storage, "put_func", fail_once)
    run = start_map(lambda x: x, [1])
    run.finish()

    assert run.results() == [1]
    assert len(asked) == 2


def test_a_storage_that_refuses_the_function_is_not_taken_for_the_backend(
    client: LithopsClient, start_map: MapStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(key: str, function: bytes) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(client._internal_storage, "put_func", refuse)
    with pytest.raises(StorageRefusedError, match="storage 'localhost'"):
        start_map(lambda x: x, [1])
