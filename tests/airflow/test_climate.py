"""The example with a million rows: raw CSV, cleaned into Parquet, reduced by key, and drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.conftest import RunDag
from tests.airflow.seed import Storage
from tests.airflow.test_weather import look_at
from tools.airflow_api import DagRun
from tools.airflow_stack import AirflowStack

DAG_FILE = Path(__file__).resolve().parents[2] / "example_dags" / "lithops_climate.py"


@pytest.fixture(scope="module")
def storage(airflow: AirflowStack) -> Path:
    """The folder in which the storage of an Airflow without connections is."""
    airflow.write_dag("lithops_climate", DAG_FILE.read_text(), "lithops_climate")
    return Storage.of(airflow).folder


def check(run: DagRun, storage: Path, rows: int, read: Callable[[list[str]], Any]) -> None:
    """
    Looks at what a run has left.

    :param read: returns the number of readings, and of stations and months, of Parquet files; and the mean of means
    """
    cleaned, averaged = run.xcom("clean"), run.xcom("by_month")
    # One of fifty readings is none.
    assert cleaned["rows"] == pytest.approx(rows * 0.98, rel=0.005)
    assert cleaned["columns"] == {"station": "string", "month": "string", "temperature": "double"}
    assert averaged["rows"] == 16 * 12
    folder = storage / averaged["path"]
    assert (folder / "_SUCCESS").exists()
    readings, groups, mean = read([str(path) for path in sorted(folder.glob("part-*.parquet"))])
    assert (readings, groups) == (cleaned["rows"], 16 * 12)
    assert 10 < mean < 16
    picture = (storage / averaged["path"].partition("/")[0] / run.xcom("draw")).read_bytes()
    height, colours = look_at(picture)
    assert height == 600
    assert colours > 50


def with_pandas(paths: list[str]) -> tuple[int, int, float]:
    import pandas

    table = pandas.concat(map(pandas.read_parquet, paths))
    return int(table["readings"].sum()), len(table), float(table["mean"].mean())


def with_duckdb(paths: list[str], what: str = "sum(readings)::BIGINT, count(*), avg(mean)") -> Any:
    import duckdb

    with duckdb.connect() as database:
        return database.execute(f"SELECT {what} FROM read_parquet($1)", [paths]).fetchall()[0]


@pytest.mark.thorough
def test_a_part_of_its_rows(run_dag: RunDag, storage: Path) -> None:
    check(run_dag("lithops_climate", {"rows": 20_000}), storage, 20_000, with_pandas)


@pytest.mark.thorough
def test_a_million_rows_are_read_back_with_pandas_and_duckdb(run_dag: RunDag, storage: Path, tmp_path: Path) -> None:
    run = run_dag("lithops_climate")

    check(run, storage, 1_000_000, with_pandas)
    check(run, storage, 1_000_000, with_duckdb)
    cleaned = run.xcom("clean")
    assert cleaned["files"] > 1
    files = [str(path) for path in (storage / cleaned["path"]).glob("part-*.parquet")]
    assert with_duckdb(files, "count(temperature)") == (cleaned["rows"],)
    picture = (storage / cleaned["path"].partition("/")[0] / run.xcom("draw")).read_bytes()
    (tmp_path / "means.png").write_bytes(picture)  # to be looked at, with --basetemp
