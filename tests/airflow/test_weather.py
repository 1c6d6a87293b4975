"""The weather workflow of the original plugin: on real object storage with all its data, and in local files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.beside import beside
from tests.airflow.conftest import RunDag
from tests.airflow.seed import Storage
from tests.backends.seaweedfs import SECRET_KEY, SeaweedFS
from tests.conftest import ROOT
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack

DAG_FILE = Path(__file__).resolve().parents[2] / "example_dags" / "lithops_weather.py"
CONN_ID = "weather_s3"


def start_runs(airflow: AirflowStack, folder: Path) -> Future[DagRun]:
    def run() -> DagRun:
        airflow.write_dag("lithops_weather", DAG_FILE.read_text(), "lithops_weather")
        return airflow.api.trigger("lithops_weather", {"lines": 8_000, "countries": ["ES"]}).wait()

    return beside(run)


@pytest.fixture(scope="module", autouse=True)
def small(started: Future[DagRun]) -> DagRun:
    """A run on this machine, with few lines."""
    return started.result()


@pytest.fixture(scope="module")
def s3() -> Iterator[SeaweedFS]:
    with SeaweedFS(ROOT / "servers" / "weather") as server:
        yield server


@pytest.fixture
def connection(airflow: AirflowStack, s3: SeaweedFS) -> Iterator[None]:
    # Few processes: 15 map-reduces share this machine with Airflow, and each process opens clients of its own.
    localhost = {"localhost": {"worker_processes": 1}}
    extra = {"lithops": {"backend": "localhost", "storage": "minio"}, "minio": s3.config(), **localhost}
    airflow.api.create_connection(CONN_ID, "lithops", extra=json.dumps(extra))
    yield
    airflow.api.delete_connection(CONN_ID)


def drawn(run: DagRun, count: int) -> list[str]:
    return [run.xcom("draw", map_index=index) for index in range(count)]


def look_at(png: bytes) -> tuple[int, int]:
    """Returns the height of a picture, and how many colours it has."""
    import io

    from matplotlib.image import imread

    pixels = imread(io.BytesIO(png), format="png")
    colours = {tuple(pixel) for row in pixels[::4, ::4] for pixel in row.tolist()}
    return pixels.shape[0], len(colours)


@pytest.mark.more_backends
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("connection")
def test_it_draws_15_maps_of_210_000_lines_on_s3(s3: SeaweedFS, run_dag: RunDag, tmp_path: Path) -> None:
    run = run_dag("lithops_weather", {"lithops_conn_id": CONN_ID})

    counts: list[dict[str, int]] = run.xcom("split")
    assert sum(sum(chunk.values()) for chunk in counts) == 210_000
    assert len(counts) > 20  # chunks of 1 MiB
    keys = drawn(run, 15)
    assert len(set(keys)) == 15
    client, bucket = s3.client(), s3.config()["storage_bucket"]
    pictures = [client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]
    for key, picture in zip(keys, pictures, strict=True):  # to be looked at, with --basetemp
        (tmp_path / Path(key).name).write_bytes(picture)
    assert all(height == 600 and colours > 200 for height, colours in map(look_at, pictures))
    left = client.list_objects_v2(Bucket=bucket, Prefix="lithops.jobs/").get("Contents", [])
    assert left == []  # clean_data
    logs = "".join([run.log("store"), run.log("split"), run.log("draw", map_index=0)])
    assert "Sent 1 item(s) of store_weather" in logs
    assert SECRET_KEY not in logs


def test_it_needs_no_account(airflow: AirflowStack, small: DagRun) -> None:
    folder = Storage.of(airflow).folder / "storage"
    pictures = [(folder / key).read_bytes() for key in drawn(small, 3)]
    assert all(height == 600 and colours > 200 for height, colours in map(look_at, pictures))


def test_keys_that_the_server_refuses_fail_the_task_with_a_clear_error(
    airflow: AirflowStack, s3: SeaweedFS, run_dag: RunDag
) -> None:
    wrong: dict[str, Any] = {**s3.config(), "secret_access_key": "s3cret-that-is-wrong"}
    extra = {"lithops": {"backend": "localhost", "storage": "minio"}, "minio": wrong}
    airflow.api.create_connection("weather_wrong", "lithops", extra=json.dumps(extra))
    try:
        run = run_dag("lithops_weather", {"lithops_conn_id": "weather_wrong"}, check=False)
    finally:
        airflow.api.delete_connection("weather_wrong")

    log = run.log("store")
    assert "the storage 'minio' refused the credentials" in log
    assert "check the section 'minio' of the configuration" in log
    assert "s3cret-that-is-wrong" not in log
    assert "trying again" not in log, "a refusal is no passing failure"
