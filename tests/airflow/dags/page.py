"""Jobs for the page to show: one that fails, one that runs until it is let go, and ones with very many items."""

from __future__ import annotations

import time
from pathlib import Path

from airflow.sdk import DAG

from lithops_provider.operators import LithopsMapOperator

SCRIPT = "<script>document.title = 'taken over'</script><img src=x onerror=\"document.title = 'taken over'\">"


def fail_some(x: int) -> int:
    """Fail for 3, 10, 17..."""
    print(f"seen {x} {SCRIPT}")
    if x % 7 == 3:
        raise ValueError(f"{x} is bad {SCRIPT}")
    return x


def wait_for(x: int, gate: str) -> int:
    """Return the first ten items at once, and the rest when a file is there."""
    while x >= 10 and not Path(gate).exists():
        time.sleep(0.1)
    return x


def fail_rarely(x: int) -> int:
    """Fail for 17, 5017..."""
    if x % 5000 == 17:
        raise KeyError(f"unlucky {x}")
    return x


with DAG("page_fails", schedule=None):
    LithopsMapOperator(
        task_id="fails",
        lithops_conn_id="{{ dag_run.conf.get('conn_id', 'lithops_default') }}",
        map_function=fail_some,
        map_iterdata=range(60),
        item_retries=1,
        batch_size=10,
    )

with DAG("page_runs", schedule=None):
    LithopsMapOperator(
        task_id="runs",
        map_function=wait_for,
        map_iterdata=range(20),
        extra_params={"gate": "{{ dag_run.conf['gate'] }}"},
        batch_size=20,
        deferrable=True,
        poll_interval=0.5,
    )

for name, items in (("many", 100_000), ("million", 1_000_000)):
    with DAG(f"page_{name}", schedule=None):
        LithopsMapOperator(
            task_id=name,
            map_function=fail_rarely,
            map_iterdata=range(items),
            min_success_ratio=0.9,
            get_result=False,
        )
