"""The rows of the table of what every operator takes, what was only in the code, and the connection."""

from __future__ import annotations

import itertools
import json
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.airflow.seed import Storage, alive, executor_ids, job_of, messages, result, state
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack
from tools.waiting import wait_until

CONN_ID = "lithops_of_seed"
EXTRA = {"lithops": {"execution_timeout": 55, "monitoring_interval": 9}}


class Listener:
    """Takes the place of a RabbitMQ server: takes the first words of whoever connects, and hangs up."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.heard: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                self.heard.append(connection.recv(100))


class Started(NamedTuple):
    run: DagRun
    folder: Path
    rabbitmq: Listener


def start_runs(airflow: AirflowStack, folder: Path) -> Started:
    rabbitmq = Listener()
    airflow.api.create_connection(CONN_ID, "lithops", extra=json.dumps(EXTRA))
    conf = {"folder": str(folder), "port": rabbitmq.port}
    return Started(airflow.api.trigger("seed_every", conf), folder, rabbitmq)


@pytest.fixture(scope="module")
def folder(started: Started) -> Path:
    return started.folder


@pytest.fixture(scope="module")
def rabbitmq(started: Started) -> Iterator[Listener]:
    yield started.rabbitmq
    started.rabbitmq.socket.shutdown(socket.SHUT_RDWR)
    started.rabbitmq.socket.close()


@pytest.fixture(scope="module")
def run(airflow: AirflowStack, started: Started, rabbitmq: Listener) -> Iterator[DagRun]:
    try:
        yield started.run.wait(check=False)
    finally:
        (started.folder / "go").touch()
        airflow.api.delete_connection(CONN_ID)


@pytest.fixture
def storage(airflow: AirflowStack) -> Storage:
    return Storage.of(airflow)


def executor_id(run: DagRun, task_id: str) -> str:
    (found,) = executor_ids(run.log(task_id))
    return found


def test_lithops_config(run: DagRun) -> None:
    """It is over the connection's, section by section; an argument is over both."""
    seen = result(run, "settings")
    assert seen["lithops.execution_timeout"] == EXTRA["lithops"]["execution_timeout"]
    assert (seen["lithops.monitoring_interval"], seen["workers"]) == (0.3, 3)


def test_config(run: DagRun) -> None:
    """Alias of ``lithops_config``."""
    assert result(run, "config_and_type")[2:] == [77, "us-east-1"]


def test_type(run: DagRun) -> None:
    """Alias of ``mode``; the configuration says aws_lambda."""
    assert result(run, "config_and_type")[:2] == ["localhost", "localhost"]


def test_backend(run: DagRun) -> None:
    """The configuration says aws_lambda."""
    assert result(run, "settings")["lithops.backend"] == "localhost"


def test_storage(run: DagRun) -> None:
    """The configuration says aws_s3."""
    assert result(run, "settings")["lithops.storage"] == "localhost"


def test_runtime(run: DagRun) -> None:
    """On localhost, the interpreter."""
    assert result(run, "settings")["python"] == f"{sys.executable}3" != sys.executable


def test_workers(run: DagRun) -> None:
    """One worker: no two of the four calls run at the same time."""
    assert messages(run.log("workers"), "Sent 4 item(s) of span in 4 call(s)")
    spans = sorted(result(run, "workers"))
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(spans))


def test_async_invoke(run: DagRun, storage: Storage, folder: Path) -> None:
    """The task has ended, its function runs on, and ends well; its data stay, for whoever reads the results."""
    job = job_of(run, "async_invoke")
    assert run.state == "failed"  # by other tasks: the run has ended
    parts = [key for key in storage.keys(job["executor_id"]) if key.endswith(".part")]
    assert parts == []
    (folder / "go").touch()
    parts = wait_until(
        lambda: [key for key in storage.keys(job["executor_id"]) if key.endswith(".part")],
        lambda: storage.keys(job["executor_id"]),
    )
    assert alive(folder / "go"), "it did not run"
    assert [key.endswith("00000000-00000001-00000000.part") for key in parts] == [True]


def test_get_result(run: DagRun, storage: Storage) -> None:
    """The results are there, and stay there."""
    job = job_of(run, "get_result")
    assert job["items"] == 3
    assert [key for key in storage.keys(job["executor_id"]) if key.endswith(".part")]


def test_clean_data(run: DagRun, storage: Storage) -> None:
    assert result(run, "clean_data") == [2, 3, 4]
    assert storage.keys(executor_id(run, "clean_data")) == []


def test_clean_data_is_off_by_default(run: DagRun, storage: Storage) -> None:
    assert storage.keys(executor_id(run, "settings"))


def test_extra_env(run: DagRun) -> None:
    """What is no text becomes one."""
    seen = result(run, "settings")
    assert (seen["SEED_TEXT"], seen["SEED_INT"], seen["SEED_FLAG"]) == ("text", "7", "True")


def test_runtime_memory_on_localhost(run: DagRun) -> None:
    """Nothing limits it there: accepted, no effect. test_seed_operators.py has what it does elsewhere."""
    assert state(run, "settings") == "success"


def test_timeout(run: DagRun) -> None:
    """It is an item's: the other one is done, in whatever call it was."""
    assert result(run, "timeout") == [0, None]
    (failed,) = run.xcom("timeout", key="lithops_failures")["items"]
    assert (failed["index"], failed["type"]) == (1, "TimeoutError")
    assert "longer than its timeout of 2 seconds" in failed["message"]


def test_include_modules(run: DagRun) -> None:
    assert result(run, "include_modules") == 70


def test_exclude_modules(run: DagRun) -> None:
    assert state(run, "exclude_modules") == "failed"
    assert messages(run.log("exclude_modules"), "No module named 'seed_helper'", "include_modules")


def test_rabbitmq_monitor(run: DagRun, rabbitmq: Listener) -> None:
    """The server of the test only takes the greeting of the protocol, so the task fails before anything is sent."""
    assert rabbitmq.heard
    assert rabbitmq.heard[0].startswith(b"AMQP")
    assert state(run, "rabbitmq_monitor") == "failed"
    assert not executor_ids(run.log("rabbitmq_monitor"))
    assert state(run, "settings") == "success"  # rabbitmq_monitor=False


def test_rabbitmq_that_does_not_answer(run: DagRun) -> None:
    assert messages(run.log("rabbitmq_monitor"), "Error: ", "rabbitmq")
