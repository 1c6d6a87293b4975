"""
Importing this module loads what every task of Airflow needs: the code that runs a task and parses its DAG file, and
Airflow's plugins. The executor's fork server imports it before it forks the runners of calls on this machine, so that
no task has to load all that itself. Processes of the LocalExecutor have it too, as forks of the scheduler.
"""

from __future__ import annotations

import contextlib
import importlib

from airflow.sdk.api.client import Client

from lithops_provider.executors.huge_pages import gather_in_huge_pages

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
    # What Lithops imports with the first call, and Python with the first process.
    "lithops.monitoring.backends.storage.storage",
    "multiprocessing.connection",
)

for _name in _MODULES:
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module(_name)

try:
    from airflow.sdk.listener import get_listener_manager
except ImportError:  # Airflow 3.1 has it elsewhere
    pass
else:
    get_listener_manager()  # It loads the plugins. For one that can't be loaded, there is an error in Airflow's log.

# The first client of the Execution API in a process reads the certificates of all authorities, which takes longer than
# all else that a supervisor does before its task begins. Airflow keeps them for the process's other clients.
Client(base_url="http://localhost", token="").close()

gather_in_huge_pages()
