"""
The LithopsExecutor on a backend elsewhere: its tasks run in the worker of ``singularity``, which has the DAG from a git
repository, and nothing of the scheduler but the addresses of the broker, the storage and the Execution API.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.airflow.conftest import Repository, running
from tests.backends.backends import Servers
from tests.backends.rabbitmq import RabbitMQ, SingularityWorker
from tests.backends.seaweedfs import SeaweedFS
from tests.conftest import ROOT
from tools.airflow_settings import bundle_list, variables
from tools.airflow_stack import AirflowStack

pytestmark = pytest.mark.thorough

DAG = """
import os
from datetime import timedelta

from airflow.sdk import DAG, get_current_context, task

with DAG("elsewhere", schedule=None):

    @task
    def where() -> str:
        print("hello from elsewhere")
        return os.environ["AIRFLOW_HOME"]

    @task
    def square(number: int) -> int:
        return number * number

    @task
    def total(squares) -> int:
        return sum(squares)

    @task(retries=1, retry_delay=timedelta(0))
    def dies_once() -> int:
        tries = get_current_context()["ti"].try_number
        if tries == 1:
            os.kill(os.getppid(), 9)  # the supervisor
        return tries

    where()
    total(square.expand(number=[1, 2, 3]))
    dies_once()
"""


class AirflowRuntime(SingularityWorker):
    """A worker whose image holds Airflow and its settings of bundles and logs."""

    def __init__(self, folder: Path, broker: RabbitMQ, repository: Repository) -> None:
        super().__init__(folder, broker)
        self.repository = repository
        self.settings = {
            "CORE__LOAD_EXAMPLES": "False",
            "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": bundle_list({}, [repository.path]),
            "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(folder / "bundles"),
            "LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
        }

    def environment(self) -> Mapping[str, str]:
        own = {"AIRFLOW_HOME": str(self.folder), "AIRFLOW_CONN_GIT_DEFAULT": '{"conn_type": "git"}'}
        return {**super().environment(), **variables(self.settings), **own}


@pytest.fixture(scope="module")
def runtime(servers: Servers) -> Iterator[AirflowRuntime]:
    repository = Repository(ROOT / "elsewhere-repository")
    repository.commit({"elsewhere.py": DAG})
    with AirflowRuntime(ROOT / "elsewhere-runtime", servers.get(RabbitMQ), repository) as worker:
        yield worker


@pytest.fixture(scope="module")
def airflow(servers: Servers, runtime: AirflowRuntime, request: pytest.FixtureRequest) -> Iterator[AirflowStack]:
    extra = {
        "lithops": {"backend": "singularity", "storage": "minio", "monitoring": "storage"},
        "minio": servers.get(SeaweedFS).config(),
        "rabbitmq": servers.get(RabbitMQ).config(),
        "singularity": {"runtime": "a-runtime", "worker_processes": 2, "max_workers": 1},  # no image is built for it
    }
    env = {
        "AIRFLOW__CORE__EXECUTOR": "lithops_provider.executors.LithopsExecutor",
        "AIRFLOW_CONN_LITHOPS_DEFAULT": json.dumps({"conn_type": "lithops", "extra": extra}),
    }
    stack = AirflowStack(ROOT / "elsewhere", repositories=[runtime.repository.path], env=env)
    with running(stack, request.config):
        yield stack


def test_tasks_run_where_the_worker_is(airflow: AirflowStack, runtime: AirflowRuntime) -> None:
    run = airflow.api.trigger("elsewhere").wait()
    assert run.xcom("where") == str(runtime.folder)
    assert run.xcom("total") == 14
    assert run.xcom("dies_once") == 2
    logs = [path.read_text() for path in (runtime.folder / "logs").rglob("*.log")]
    assert any("hello from elsewhere" in log for log in logs)
