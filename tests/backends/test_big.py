"""A reduce by key, its results as files, and cached items, on real object storage."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pandas  # noqa: TID253 - only DAG files have to be fast to import
import pytest

from lithops_provider.operators import LithopsMapReduceOperator
from tests.backends.backends import Servers
from tests.backends.conftest import CONN_ID, Connected, backend_params, connect
from tests.task.instances import Instance


@pytest.fixture(scope="module", params=backend_params(("minio",)))
def connected(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Connected]:
    with pytest.MonkeyPatch.context() as patch:
        yield connect(request.param, servers, patch)


def megabytes(number: int) -> Iterator[tuple[int, bytes]]:
    for key in range(3):
        yield key, bytes([number]) * 1_000_000


def measured(key: int, values: Any) -> dict[str, int]:
    return {"values": len(values), "bytes": sum(map(len, values))}


def test_by_key_from_the_cache_into_files_twice(connected: Connected) -> None:
    """Each call of the shuffle has more than it keeps in memory, and so sends a file."""
    client, version = connected.client(), uuid.uuid4().hex
    prefix = f"big/{version}/"

    def run(items: range) -> tuple[Any, Any]:
        task = LithopsMapReduceOperator(
            task_id="t",
            lithops_conn_id=CONN_ID,
            map_function=megabytes,
            map_iterdata=items,
            reduce_function=measured,
            reduce_by_key=True,
            reducers=2,
            results_to=f"s3://{client.bucket}/{prefix}",
            results_format="parquet",
            cache=True,
            cache_version=version,
        )
        instance = Instance()
        told = task.execute({"ti": instance})  # type: ignore[typeddict-item]
        return told, json.loads(instance.pushed["lithops_summary"])

    for items, cached in ((range(8), 0), (range(9), 8)):
        told, summary = run(items)

        assert (told["rows"], summary["map"].get("cached", 0)) == (3, cached)
        keys = client.keys(client.bucket, prefix)
        names = sorted(key.removeprefix(prefix) for key in keys)
        assert names == ["_SUCCESS", "manifest.json", "part-00000.parquet"]
        table = pandas.read_parquet(io.BytesIO(client.get(client.bucket, f"{prefix}{names[-1]}") or b""))
        expected = [[key, len(items), len(items) * 1_000_000] for key in range(3)]
        assert table.sort_values("key").to_numpy().tolist() == expected
