"""The settings of an Airflow that has nothing else to do than to be watched, and its environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

SETTINGS: dict[str, str] = {
    "CORE__PARALLELISM": "8",
    "CORE__LOAD_EXAMPLES": "False",
    "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "CORE__TEST_CONNECTION": "Enabled",
    "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    "CORE__HOSTNAME_CALLABLE": "socket.gethostname",
    "CORE__FERNET_KEY": "",
    "USAGE_DATA_COLLECTION__ENABLED": "False",
    # Short intervals; shorter ones keep a core busy while nothing happens.
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
    # Short rounds of the scheduler, however many runs there are: only between two does it learn how tasks have ended.
    "SCHEDULER__MAX_DAGRUNS_PER_LOOP_TO_SCHEDULE": "5",
    "SCHEDULER__JOB_HEARTBEAT_SEC": "2",
    "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "1",
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    # Nobody is taken for dead because the machine is busy: a scheduler whose heartbeat is late takes itself for dead,
    # and resets its tasks. AirflowStack.kill writes down which component it has killed.
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "300",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "300",
    "SCHEDULER__TASK_QUEUED_TIMEOUT": "3600",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "300",
    "TRIGGERER__RUNNER_HEALTH_CHECK_THRESHOLD": "300",
    # A worker that gives up on a slow answer asks again, and that costs more than waiting does.
    "WORKERS__EXECUTION_API_TIMEOUT": "60",
    # New and changed DAG files are seen soon; unchanged ones are not parsed again and again.
    "DAG_PROCESSOR__REFRESH_INTERVAL": "2",
    "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "2",
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    "DAG_PROCESSOR__STALE_DAG_THRESHOLD": "600",
    "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
    "API__DAG_CACHE_TTL": "1",  # from Airflow 3.2 on; 3.1 takes no notice
}


def variables(settings: Mapping[str, str]) -> dict[str, str]:
    """
    Return settings as environment variables.

    :param settings: values by ``SECTION__OPTION``
    """
    return {f"AIRFLOW__{name}": value for name, value in settings.items()}


def executor_settings(broker_url: str | None) -> dict[str, str]:
    """
    Return the settings of what runs tasks: the scheduler, or a Celery worker. Beside the scheduler, whose processes run
    all tasks that say nothing else, the LithopsExecutor runs those that ask for it.

    :param broker_url: where the worker's tasks come from; without it, the scheduler runs them
    """
    if broker_url is None:
        return {"CORE__EXECUTOR": "LocalExecutor,lithops_provider.executors.LithopsExecutor"}
    return {
        "CORE__EXECUTOR": "CeleryExecutor",
        "CELERY__BROKER_URL": broker_url,
        "CELERY__WORKER_CONCURRENCY": "4",
        "CELERY__SYNC_PARALLELISM": "1",
    }


def bundle_list(folders: Mapping[str, Path], repositories: Sequence[Path]) -> str:
    """
    Return the setting that says where DAG files are.

    :param folders: folders by the name of their bundle
    :param repositories: git repositories, of whose branch ``main`` Airflow keeps versions
    """
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    git = "airflow.providers.git.bundles.git.GitDagBundle"
    bundles: list[dict[str, object]] = [
        {"name": name, "classpath": local, "kwargs": {"path": str(folder)}} for name, folder in folders.items()
    ]
    for folder in repositories:
        kwargs = {"repo_url": str(folder.resolve()), "tracking_ref": "main"}
        bundles.append({"name": f"{folder.name}-repository", "classpath": git, "kwargs": kwargs})
    return json.dumps(bundles)


def inherited() -> dict[str, str]:
    """Return this process's environment without what it has of another Airflow or Lithops, or of a test's run."""
    others = ("AIRFLOW", "LITHOPS", "__LITHOPS", "PYTEST", "COV_", "PYTHONDONTWRITEBYTECODE")
    env = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return env | {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost", "DO_NOT_TRACK": "1"}
