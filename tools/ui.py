"""``make ui``: a real Airflow on this machine with the example DAGs, for a person to click through."""

from __future__ import annotations

import sys
import time
from urllib.parse import quote

from tools.demo import DEMO
from tools.ports import free_port
from tools.session import say, temporary_airflow

PORT = 8080

PAGE = "lithops_jobs_page"
"""Id of the DAG whose jobs are worth a look while they run."""

EXECUTORS = {"local": "LocalExecutor", "lithops": "lithops_provider.executors.LithopsExecutor"}
"""What may run the tasks, by the names that ``make ui EXECUTOR=...`` takes."""


def main(executor: str = "local") -> int:
    """
    Start Airflow, run the examples once and keep it open until Ctrl-C; return the exit status.

    :param executor: what runs the tasks, one of ``EXECUTORS``
    """
    if executor not in EXECUTORS:
        print(f"EXECUTOR must be one of {', '.join(EXECUTORS)}, got {executor!r}", file=sys.stderr)
        return 2
    env = {"AIRFLOW__CORE__EXECUTOR": EXECUTORS[executor]}
    try:
        with temporary_airflow(port=free_port(PORT), env=env) as airflow:
            say(f"The web interface is open, without a login: {airflow.url}")
            page = airflow.api.trigger(PAGE)
            say("Jobs to look at, in the tab 'Lithops job' of their tasks:")
            for task in ("running", "failing", "hundred_thousand"):
                print(f"   {airflow.url}/dags/{PAGE}/runs/{quote(page.run_id)}/tasks/{task}/plugin/lithops", flush=True)
            print(f"   and the list of all jobs: {airflow.url}/plugin/lithops-jobs", flush=True)
            runs = [airflow.api.trigger(dag_id) for dag_id in DEMO]
            for run in runs:
                print(f"   DAG {run.dag_id}: {run.wait(timeout=600, check=False).state}", flush=True)
            say(f"The examples have run. Look at them at {airflow.url}/dags, and press Ctrl-C to stop.")
            while True:
                airflow.check_alive()
                time.sleep(1)
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
