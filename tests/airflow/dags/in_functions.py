"""What functions find in their process: Airflow, the names of this file, their environment."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import Pool

from airflow.sdk import DAG, task


@dataclass
class Model:
    """Something to pickle."""

    x: int


def double(model: Model) -> Model:
    """Run in a process of the function's own."""
    return Model(model.x * 2)


with DAG("in_functions", schedule=None):

    @task.lithops_map
    def of_airflow(x: int) -> str:
        """Import Airflow as documentation advises."""
        from airflow.sdk import Asset, BaseHook

        return f"{BaseHook.__name__} {Asset(f'x-{x}').name}"

    @task.lithops_map(extra_env={"AIRFLOW__CORE__FERNET_KEY": "asked for"})
    def environment(name: str) -> str | None:
        """Tell a variable, one of which was asked for."""
        return os.environ.get(name)

    @task.lithops_map
    def skips(x: int) -> int:
        """Have nothing to do for some."""
        from airflow.providers.common.compat.sdk import AirflowSkipException

        if x % 2:
            raise AirflowSkipException(f"{x} is odd")
        return x

    @task.lithops_map(item_retries=3, retries=3, retry_delay=0.1)
    def fails(x: int, ledger: str) -> int:
        """Know that no other try helps."""
        from airflow.providers.common.compat.sdk import AirflowFailException

        with open(ledger, "a") as file:
            file.write(f"{x}\n")
        if x == 1:
            raise AirflowFailException(f"{x} is hopeless")
        return x

    @task.lithops_map
    def with_processes(x: int) -> list[int]:
        """Use names of this file in other processes, and pickle them."""

        @dataclass
        class Local:
            x: "int"  # noqa: UP037 - dataclasses look into the module for what it means

        models = [Model(x), pickle.loads(pickle.dumps(Model(x + 1)))]
        with Pool(2) as pool:
            doubled = pool.map(double, models)
        with ProcessPoolExecutor(2) as pool:
            again = list(pool.map(double, doubled))
        assert all(type(model) is Model for model in again)
        return [*(model.x for model in again), Local(x).x]

    NAMES = [
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW_CTX_DAG_ID",
        "__AIRFLOW_SUPERVISOR_FD",
        "AIRFLOW_HOME",
        "AIRFLOW__CORE__FERNET_KEY",
    ]
    of_airflow([1, 2])
    environment(NAMES)
    skips([1, 2])
    with_processes([1, 2])

with DAG("fails_for_good", schedule=None):
    fails([0, 1, 2], ledger="{{ dag_run.conf['ledger'] }}")
