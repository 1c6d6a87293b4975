"""
What the fork server of the executor imports, and looks up, before it forks the runners of calls on this machine, so
that no task has to: the code that runs a task and parses its DAG file, and Airflow's plugins. The processes of the
LocalExecutor have the same, since they are forks of the scheduler.
"""

from __future__ import annotations

import contextlib
import importlib

#: Not all versions of Airflow have all of them.
_MODULES = (
    "airflow.executors.base_executor",
    "airflow.executors.workloads",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.dag_processing.bundles.local",
    "airflow.dag_processing.bundles.manager",
    "airflow.dag_processing.dagbag",
    "airflow.models.dag",
    "airflow.serialization.serialized_objects",
    "airflow.sdk.definitions.decorators",
    "airflow.providers.standard.decorators.python",
    "airflow.providers.standard.operators.python",
)

for _name in _MODULES:
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module(_name)

try:
    from airflow.sdk.listener import get_listener_manager
except ImportError:  # Airflow 3.1 has it elsewhere
    pass
else:
    get_listener_manager()  # which loads the plugins; of one that can't be loaded Airflow's log tells
