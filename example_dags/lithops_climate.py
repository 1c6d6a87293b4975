"""
From raw CSV to a picture: a million readings of weather stations, cleaned into Parquet, then averaged by month.

    places -> store -> clean -> by_month -> draw

`store` puts raw CSV into the bucket, as stations might send it: with gaps, words in the place of numbers, and readings
that can't be. `clean` is a map over chunks of these files, which leaves the good rows as Parquet. `by_month` is a
map-reduce by key over the row groups of that, which leaves a row for each station and month, as Parquet, too. `draw`
reads those, and stores a picture. None of the rows passes through Airflow: its tasks return where the files are.

It runs on the storage of whatever connection the parameter names; without one, in files on this machine. The functions
need numpy, pandas, pyarrow and matplotlib where they run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from airflow.sdk import DAG, Param, task

from lithops_provider.hooks import LithopsHook

ROWS = 1_000_000
FILES = 10
CHUNK = 1024 * 1024  # bytes of CSV
# Stations and their latitude.
STATIONS = {
    "Helsinki": 60.2, "Oslo": 59.9, "Copenhagen": 55.7, "Dublin": 53.3, "Warsaw": 52.2, "London": 51.5, "Prague": 50.1,
    "Paris": 48.9, "Vienna": 48.2, "Zagreb": 45.8, "Belgrade": 44.8, "Rome": 41.9, "Madrid": 40.4, "Athens": 38.0,
    "Tunis": 36.8, "Valletta": 35.9,
}  # fmt: skip
MONTHS = [f"2026-{month:02}" for month in range(1, 13)]
BAD = 50  # one of so many readings is none


@task(multiple_outputs=True)
def places(run_id: str, params: dict[str, Any]) -> dict[str, str]:
    """Name the folders in the connection's bucket."""
    bucket = LithopsHook(params["lithops_conn_id"]).get_client().bucket
    return {name: f"{bucket}/climate/{run_id}/{name}/" for name in ("raw", "clean", "months")}


@task.lithops_map
def store(number: int, rows: int | str, folder: str, storage: Any) -> int:
    """Makes up the readings of some stations, and stores them as a file of CSV. Returns its bytes."""
    import numpy as np

    random = np.random.default_rng(number)
    count = int(rows) // FILES
    names, latitudes = np.array(list(STATIONS)), np.array(list(STATIONS.values()))
    station, day = random.integers(0, len(names), count), random.integers(0, 365, count)
    season = -np.cos(2 * np.pi * (day - 20) / 365) * (latitudes[station] - 20) * 0.35
    values = (36 - 0.5 * latitudes[station] + season + random.normal(0, 3, count)).round(1).astype(str)
    kinds = random.integers(0, 4 * BAD, count)
    for kind, wrong in enumerate(("", "n/a", "-999.0", "err 7")):
        values[kinds == kind] = wrong
    days = (np.datetime64("2026-01-01") + day).astype(str)
    lines = map(",".join, zip(names[station].tolist(), days.tolist(), values.tolist(), strict=True))
    data = "\n".join(["station,day,temperature", *lines, ""]).encode()
    bucket, _, prefix = folder.partition("/")
    storage.put_object(bucket, f"{prefix}{number:02}.csv", data)
    return len(data)


@task.lithops_map(
    obj_chunk_size=CHUNK, results_to="{{ ti.xcom_pull('places', key='clean') }}", results_format="parquet"
)
def clean(obj: Any) -> list[dict[str, Any]]:
    """Returns the rows of a chunk that have a temperature."""
    rows = []
    for row in obj.csv():
        try:
            temperature = float(row["temperature"])
        except ValueError:
            continue
        if -60 < temperature < 60:
            rows.append({"station": row["station"], "month": row["day"][:7], "temperature": temperature})
    return rows


def merge(key: str, parts: Iterable[dict[str, float]]) -> dict[str, float]:
    """Make one sum and count of several."""
    total = {"sum": 0.0, "readings": 0.0, "low": float("inf"), "high": float("-inf")}
    for part in parts:
        total["sum"] += part["sum"]
        total["readings"] += part["readings"]
        total["low"] = min(total["low"], part["low"])
        total["high"] = max(total["high"], part["high"])
    return total


def describe(key: str, parts: Iterable[dict[str, float]]) -> dict[str, Any]:
    """Return the row of a station and a month."""
    station, _, month = key.partition(" ")
    total = merge(key, parts)
    mean = round(total["sum"] / total["readings"], 3)
    return {"station": station, "month": month, "mean": mean, **total, "readings": int(total["readings"])}


@task.lithops_map_reduce(
    reduce_function=describe,
    reduce_by_key=True,
    combine_function=merge,
    reducers=2,
    results_to="{{ ti.xcom_pull('places', key='months') }}",
    results_format="parquet",
)
def by_month(obj: Any) -> Iterator[tuple[str, dict[str, float]]]:
    """Yields sum, count, least and most of each station and month of a file's row groups."""
    groups = obj.dataframe().groupby(["station", "month"])["temperature"]
    table = groups.agg(["sum", "count", "min", "max"])
    for (station, month), total, count, low, high in table.itertuples(name=None):
        yield f"{station} {month}", {"sum": total, "readings": count, "low": low, "high": high}


@task.lithops
def draw(folder: str, storage: Any) -> str:
    """Draws the means of all stations and months, and stores the picture. Returns its key."""
    import io
    import json

    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

    bucket, _, prefix = folder.partition("/")
    manifest = json.loads(storage.get_object(bucket, f"{prefix}manifest.json"))
    files = [storage.get_object(bucket, f"{prefix}{file['name']}") for file in manifest["files"]]
    rows = pd.concat([pd.read_parquet(io.BytesIO(data)) for data in files])
    table = rows.pivot(index="station", columns="month", values="mean").loc[list(STATIONS)]
    figure = Figure(figsize=(9, 6), layout="constrained")  # inches
    axes = figure.add_subplot()
    image = axes.imshow(table, cmap="coolwarm", aspect="auto")
    axes.set_xticks(np.arange(len(table.columns)), table.columns, rotation=45, ha="right")
    axes.set_yticks(np.arange(len(table)), table.index)
    axes.set_title(f"Mean temperature of {rows['readings'].sum():,} readings")
    figure.colorbar(image, label="°C")
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=100)
    key = f"{prefix}means.png"
    storage.put_object(bucket, key, png.getvalue())
    return key


with DAG(
    "lithops_climate",
    schedule=None,
    tags=["lithops", "example"],
    doc_md=__doc__,
    params={
        "lithops_conn_id": Param("lithops_default", type="string"),
        "rows": Param(ROWS, type="integer", minimum=10_000),
    },
    default_args={"lithops_conn_id": "{{ params.lithops_conn_id }}", "clean_data": True},
):
    at = places()
    stored = store(range(FILES), rows="{{ params.rows }}", folder=at["raw"])
    cleaned = clean(at["raw"])
    averaged = by_month("{{ ti.xcom_pull('clean')['path'] }}*.parquet")
    stored >> cleaned >> averaged >> draw(at["months"])
