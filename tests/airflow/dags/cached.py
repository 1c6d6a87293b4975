"""Maps that run only what is new, and leave files; to be run twice."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Asset, task

from lithops_provider.hooks import LithopsHook

CONF = "dag_run.conf"

with DAG("cached", schedule=None, default_args={"poll_interval": 0.2}):

    @task
    def put_objects(prefix: str, count: int) -> str:
        """Add the objects that aren't there yet, and return where they are."""
        client = LithopsHook().get_client()
        there = client.keys(client.bucket, prefix)
        for number in range(len(there), int(count)):
            client.put(f"{prefix}{number:02d}", b"%d\n" % number)
        return f"{client.bucket}/{prefix}"

    @task.lithops_map(cache=True, cache_version=f"{{{{ {CONF}['version'] }}}}", clean_data=True)
    def squares(x: int) -> int:
        """Do work that is the same in each run."""
        print(f"squared {x}")
        return x * x

    @task.lithops_map(cache=True, cache_version=f"{{{{ {CONF}['version'] }}}}", deferrable=True)
    def numbers(obj: Any) -> int:
        """Read an object."""
        text = obj.data_stream.read()
        print(f"read {text}")
        return int(text)

    @task.lithops_map(
        cache=True,
        cache_version=f"{{{{ {CONF}['version'] }}}}",
        deferrable=True,
        results_to=f"{{{{ {CONF}['results'] }}}}",
        results_format="csv",
        outlets=[Asset("s3://tests/cached/")],
    )
    def rows(x: int) -> list[dict[str, Any]]:
        """Make rows of a file."""
        return [{"x": x, "half": x / 2}]

    squares(range(20))
    numbers(put_objects(f"{{{{ {CONF}['prefix'] }}}}", f"{{{{ {CONF}['count'] }}}}"))
    rows(range(5))
