"""Ray and Dask in a @task, as their documentation shows them: a cluster on this machine for as long as the task."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task
from peaks import report_peaks

with DAG("benchmark_ray", schedule=None, params={"count": 100}, default_args={"on_success_callback": report_peaks}):

    @task
    def with_ray(params: dict[str, Any]) -> list[int]:
        """Run a Ray task an item."""
        import ray

        ray.init()

        @ray.remote
        def double(number: int) -> int:
            return 2 * number

        results: list[int] = ray.get([double.remote(number) for number in range(params["count"])])
        ray.shutdown()
        return results

    with_ray()

with DAG("benchmark_dask", schedule=None, params={"count": 100}, default_args={"on_success_callback": report_peaks}):

    @task
    def with_dask(params: dict[str, Any]) -> list[int]:
        """Run a Dask task an item."""
        from dask.distributed import Client, LocalCluster

        def double(number: int) -> int:
            return 2 * number

        with LocalCluster() as cluster, Client(cluster) as client:
            results: list[int] = client.gather(client.map(double, range(params["count"])))
        return results

    with_dask()
