"""What runs a task is there before the process of a task is forked."""

from __future__ import annotations

from tests.airflow_version import needs_airflow
from tests.programs import run_python

_PROGRAM = """
import sys
import lithops_provider.executors.preloaded
before = set(sys.modules)
import airflow.sdk.execution_time.task_runner
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.providers.standard.decorators.python import python_task
print(sorted(set(sys.modules) - before))
import ssl
del ssl.create_default_context
from airflow.sdk.api.client import Client
Client(base_url="http://localhost", token="")
from airflow.sdk.listener import get_listener_manager
print([getattr(each, "__name__", "") for each in get_listener_manager().pm.get_plugins()])
"""


@needs_airflow("3.2", "the listeners of the Task SDK")
def test_the_code_of_tasks_the_plugins_and_the_certificates_are_loaded() -> None:
    imported, listeners = run_python(_PROGRAM).decode().splitlines()[-2:]  # after what Airflow 3.2 logs

    assert imported == "[]"
    assert "lithops_provider.listener" in listeners
