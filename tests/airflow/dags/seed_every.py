"""The table of what every operator takes, the parameters that were only in the code, and the connection."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any

from airflow.sdk import DAG
from seed_functions import add, add_ten_times, span, wait_for

from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapOperator

#: Another backend than the one that is to be taken; nothing listens there.
ELSEWHERE = {
    "lithops": {"backend": "aws_lambda", "storage": "aws_s3"},
    "aws": {"region": "us-east-1", "access_key_id": "nobody", "secret_access_key": "nothing"},
    "aws_lambda": {"execution_role": "arn:aws:iam::0:role/nobody"},
}


def config_seen(*keys: str) -> list[Any]:
    """Return what a function sees of the configuration: ``section.key``, each."""
    config = json.loads(os.environ["LITHOPS_CONFIG"])
    return [config.get(section, {}).get(key) for section, key in (name.split(".") for name in keys)]


def settings_seen() -> dict[str, Any]:
    """Return the Python that runs the function, and what it sees of the configuration and the environment."""
    keys = ("lithops.backend", "lithops.storage", "lithops.execution_timeout", "lithops.monitoring_interval")
    seen = dict(zip(keys, config_seen(*keys), strict=True))
    environment = {name: value for name, value in os.environ.items() if name.startswith("SEED_")}
    (workers,) = config_seen("localhost.worker_processes")
    return {**seen, **environment, "workers": workers, "python": sys.executable}


def import_by_name(x: int) -> int:
    """Import a module whose name nobody can read off the code."""
    result: int = importlib.import_module("_".join(["seed", "helper"])).times_ten(x)
    return result


def sleep(seconds: float) -> float:
    """Take a while."""
    time.sleep(seconds)
    return seconds


with DAG("seed_every", schedule=None, default_args={"poll_interval": 0.2}) as dag:
    LithopsCallAsyncOperator(
        task_id="settings",
        func=settings_seen,
        lithops_conn_id="lithops_of_seed",
        lithops_config={**ELSEWHERE, "lithops": {**ELSEWHERE["lithops"], "monitoring_interval": 0.3}},
        backend="localhost",
        storage="localhost",
        workers=3,
        runtime=f"{sys.executable}3",
        runtime_memory=512,
        extra_env={"SEED_TEXT": "text", "SEED_INT": 7, "SEED_FLAG": True},
        rabbitmq_monitor=False,
    )
    LithopsCallAsyncOperator(
        task_id="config_and_type",
        func=config_seen,
        data=["lithops.mode", "lithops.backend", "lithops.execution_timeout", "aws.region"],
        config={
            "lithops": {"backend": "aws_lambda", "execution_timeout": 77},
            "aws": {"region": "us-east-1"},
        },
        type="localhost",
    )
    LithopsMapOperator(
        task_id="workers",
        map_function=span,
        map_iterdata=range(4),
        extra_args={"seconds": 0.2},
        workers=1,
        batch_size=1,
    )
    LithopsCallAsyncOperator(
        task_id="async_invoke",
        func=wait_for,
        data={"path": "{{ dag_run.conf['folder'] }}/go"},
        async_invoke=True,
        clean_data=True,
    )
    LithopsMapOperator(
        task_id="get_result",
        map_function=add,
        map_iterdata=[1, 2, 3],
        extra_args={"y": 1},
        get_result=False,
        clean_data=True,
    )
    LithopsMapOperator(
        task_id="clean_data", map_function=add, map_iterdata=[1, 2, 3], extra_args={"y": 1}, clean_data=True
    )
    LithopsMapOperator(task_id="timeout", map_function=sleep, map_iterdata=[0, 3600], timeout=2, min_success_ratio=0.5)
    LithopsCallAsyncOperator(task_id="include_modules", func=import_by_name, data=[7], include_modules=["seed_helper"])
    LithopsCallAsyncOperator(task_id="exclude_modules", func=add_ten_times, data=[7], exclude_modules=["seed_helper"])
    LithopsCallAsyncOperator(
        task_id="rabbitmq_monitor",
        func=add,
        data=[1, 2],
        rabbitmq_monitor=True,
        lithops_config={"rabbitmq": {"amqp_url": "amqp://guest:guest@127.0.0.1:{{ dag_run.conf['port'] }}"}},
    )
