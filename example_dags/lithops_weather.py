"""
The weather workflow of the original Lithops plugin: 15 maps drawn from 210,000 lines in object storage.

    store -> split -> charts -> draw

`store` puts one file of JSON lines into the bucket: made-up cities of eight countries and their weather. `split` is a
map over its chunks of 1 MiB, which writes an object per country and chunk. `draw` is a map-reduce for each of 5
countries and 3 quantities: the map reads the country's objects, the reducer draws a map of them and stores it as PNG.
Airflow sees none of the data, only names.

It runs on the storage of whatever connection the parameter names; without one, in files on this machine. The functions
need numpy and matplotlib where they run.
"""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import DAG, Param, task

from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapOperator, LithopsMapReduceOperator

# Coarse outlines, as longitude and latitude of their corners.
# fmt: off
OUTLINES: dict[str, list[tuple[float, float]]] = {
    "AT": [(10.4, 47.4), (13.0, 47.6), (12.8, 48.1), (13.8, 48.8), (16.1, 48.8), (17.1, 48.0), (16.1, 46.9),
           (13.7, 46.5), (12.4, 46.8), (10.4, 46.8)],
    "DE": [(8.6, 54.9), (9.9, 54.8), (10.9, 54.0), (12.5, 54.4), (14.2, 53.9), (14.4, 52.8), (14.7, 51.6),
           (15.0, 50.9), (12.2, 50.3), (13.8, 48.8), (12.8, 48.1), (13.0, 47.6), (10.4, 47.4), (7.6, 47.6),
           (8.2, 49.0), (6.4, 49.4), (6.1, 50.6), (6.0, 51.8), (7.0, 52.6), (7.1, 53.6), (8.6, 53.9)],
    "ES": [(-9.2, 43.2), (-8.0, 43.7), (-5.8, 43.6), (-1.8, 43.4), (0.7, 42.7), (3.2, 42.4), (3.1, 41.8),
           (0.9, 41.0), (0.0, 39.9), (-0.3, 39.3), (0.2, 38.7), (-0.7, 37.7), (-2.1, 36.7), (-4.4, 36.7),
           (-5.6, 36.0), (-6.4, 36.7), (-7.4, 37.2), (-7.0, 38.2), (-7.0, 39.6), (-6.2, 41.5), (-8.2, 41.9),
           (-8.9, 42.0)],
    "FR": [(2.5, 51.1), (4.2, 49.9), (6.2, 49.5), (8.2, 49.0), (7.6, 47.6), (6.1, 46.3), (7.0, 45.9), (6.9, 45.1),
           (7.6, 43.8), (6.2, 43.0), (4.5, 43.4), (3.1, 43.1), (3.1, 42.5), (0.7, 42.7), (-1.8, 43.4), (-1.2, 44.6),
           (-1.1, 46.0), (-2.2, 47.2), (-4.7, 47.9), (-4.7, 48.5), (-2.0, 48.7), (-1.6, 49.7), (0.2, 49.6),
           (1.6, 50.8)],
    "GB": [(-5.0, 58.6), (-3.1, 58.6), (-4.0, 57.7), (-2.0, 57.6), (-2.2, 56.3), (-3.2, 56.0), (-1.6, 55.2),
           (0.1, 53.6), (0.2, 52.9), (1.7, 52.7), (1.2, 51.8), (1.4, 51.2), (-1.0, 50.8), (-5.6, 50.1), (-3.1, 51.2),
           (-5.2, 51.9), (-4.2, 52.8), (-4.5, 53.4), (-3.0, 53.4), (-3.0, 54.1), (-3.5, 54.6), (-3.1, 54.9),
           (-5.1, 54.8), (-4.9, 55.9), (-5.7, 56.6), (-5.6, 57.5)],
    "IT": [(7.0, 45.9), (8.5, 46.4), (10.4, 46.8), (12.4, 46.8), (13.7, 46.5), (13.6, 45.7), (12.4, 45.3),
           (12.4, 44.3), (13.6, 43.5), (14.1, 42.5), (16.0, 41.9), (18.5, 40.1), (16.9, 40.4), (16.6, 39.8),
           (17.1, 39.0), (15.7, 38.0), (15.8, 39.6), (14.4, 40.7), (12.3, 41.7), (10.5, 42.9), (9.9, 44.0),
           (8.8, 44.4), (7.6, 43.8), (6.9, 45.1)],
    "PL": [(14.2, 53.9), (16.5, 54.5), (18.6, 54.7), (19.7, 54.4), (22.8, 54.3), (23.9, 52.7), (23.6, 51.6),
           (24.1, 50.6), (22.6, 49.1), (20.1, 49.2), (18.9, 49.5), (16.6, 50.2), (15.0, 50.9), (14.7, 51.6),
           (14.4, 52.8)],
    "PT": [(-8.9, 42.0), (-8.2, 41.9), (-6.2, 41.5), (-7.0, 39.6), (-7.0, 38.2), (-7.4, 37.2), (-8.9, 37.0),
           (-8.7, 38.4), (-9.4, 38.8), (-8.8, 40.2)],
}
# fmt: on
DRAWN = ["DE", "ES", "FR", "GB", "IT"]
QUANTITIES = {"temperature": "°C", "humidity": "%", "pressure": "hPa"}
COLOURS = {"temperature": "inferno", "humidity": "YlGnBu", "pressure": "viridis"}
LINES = 210_000
CHUNK = 1024 * 1024  # bytes


def inside(outline: list[tuple[float, float]], x: Any, y: Any) -> Any:
    """Tell which points lie inside an outline: an odd number of its edges is crossed on the way out."""
    import numpy as np

    crossed = np.zeros(len(x), dtype=bool)
    for (x1, y1), (x2, y2) in zip(outline, [*outline[1:], outline[0]], strict=True):
        if y1 != y2:
            crossed ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return crossed


def points_in(outline: list[tuple[float, float]], count: int, random: Any) -> tuple[Any, Any]:
    """Return the longitudes and latitudes of random points inside an outline."""
    import numpy as np

    low, high = np.min(outline, axis=0), np.max(outline, axis=0)
    found = np.empty((0, 2))
    while len(found) < count:
        tried = random.uniform(low, high, (2 * count, 2))
        found = np.vstack([found, tried[inside(outline, *tried.T)]])
    return found[:count, 0], found[:count, 1]


def store_weather(storage: Any, prefix: str, lines: int | str) -> str:
    """Make up cities and their weather, and put them into the bucket as JSON lines, in any order."""
    import numpy as np

    random = np.random.default_rng(2026)
    rows = []
    counts = np.diff(np.linspace(0, int(lines), len(OUTLINES) + 1).astype(int))
    for (country, outline), count in zip(OUTLINES.items(), counts, strict=True):
        x, y = points_in(outline, count, random)
        hills = np.sin(0.9 * x + 0.5 * y) + 0.6 * np.sin(1.3 * y - 0.7 * x) + 0.4 * np.sin(2.1 * x + 1.7 * y)
        weather = {
            "temperature": 38 - 0.55 * y - 2 * hills + random.normal(0, 0.8, count),
            "humidity": np.clip(62 + 0.9 * (y - 45) + 12 * np.cos(x / 2) + random.normal(0, 3, count), 0, 100),
            "pressure": 1013 + 7 * np.sin(x / 4 + y / 6) - hills + random.normal(0, 0.5, count),
        }
        columns = {"lon": x.round(4), "lat": y.round(4), **{name: value.round(1) for name, value in weather.items()}}
        for number, row in enumerate(zip(*(column.tolist() for column in columns.values()), strict=True)):
            city = {"city": f"{country} city {number}", "country": country, **dict(zip(columns, row, strict=True))}
            rows.append(json.dumps(city))
    random.shuffle(rows)
    key = f"{prefix}/cities.jsonl"
    storage.put_object(storage.bucket, key, "\n".join([*rows, ""]).encode())
    return f"{storage.bucket}/{key}"


def split_by_country(obj: Any, storage: Any) -> dict[str, int]:
    """Write the lines of a chunk to an object per country; return how many each got."""
    by_country: dict[str, list[bytes]] = {}
    for line in obj.data_stream:
        by_country.setdefault(json.loads(line)["country"], []).append(line)
    folder = obj.key.rpartition("/")[0]
    for country, lines in by_country.items():
        storage.put_object(obj.bucket, f"{folder}/{country}/{obj.part:05d}.jsonl", b"".join(lines))
    return {country: len(lines) for country, lines in by_country.items()}


def read_quantity(obj: Any, quantity: str) -> Any:
    """Return an array with a row per city: longitude, latitude and the quantity."""
    import numpy as np

    cities = (json.loads(line) for line in obj.data_stream)
    return np.array([(city["lon"], city["lat"], city[quantity]) for city in cities])


def draw_map(parts: list[Any], storage: Any, country: str, quantity: str, prefix: str) -> str:
    """Draw the cities of a country, coloured by a quantity, and put the PNG into the bucket; return its key."""
    import io

    import numpy as np
    from matplotlib.figure import Figure

    x, y, values = np.vstack(parts).T
    aspect = 1 / np.cos(np.radians(y.mean()))  # degrees of longitude are shorter up north
    width = 5 * np.ptp(x) / (np.ptp(y) * aspect)
    figure = Figure(figsize=(width + 2, 6), layout="constrained")  # inches
    axes = figure.add_subplot()
    points = axes.scatter(x, y, c=values, s=3, linewidths=0, cmap=COLOURS[quantity])
    axes.plot(*zip(*OUTLINES[country], OUTLINES[country][0], strict=True), color="0.3", linewidth=0.8)
    axes.set_aspect(aspect)
    axes.set(xlabel="longitude", ylabel="latitude", title=f"{country}: {quantity} of {len(values):,} cities")
    figure.colorbar(points, fraction=0.05, label=f"{quantity} ({QUANTITIES[quantity]})")
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=100)
    key = f"{prefix}/maps/{country}-{quantity}.png"
    storage.put_object(storage.bucket, key, png.getvalue())
    return key


with DAG(
    "lithops_weather",
    schedule=None,
    tags=["lithops", "example"],
    doc_md=__doc__,
    params={
        "lithops_conn_id": Param("lithops_default", type="string"),
        "lines": Param(LINES, type="integer", minimum=len(OUTLINES) * 100),
        "countries": Param(DRAWN, type="array", examples=list(OUTLINES)),
    },
    default_args={"lithops_conn_id": "{{ params.lithops_conn_id }}", "clean_data": True},
):
    store = LithopsCallAsyncOperator(
        task_id="store",
        func=store_weather,
        data={"prefix": "weather/{{ run_id }}", "lines": "{{ params.lines }}"},
    )
    split = LithopsMapOperator(
        task_id="split",
        map_function=split_by_country,
        map_iterdata=store.output,
        obj_chunk_size=CHUNK,
    )

    @task
    def charts(stored: str, counts: list[dict[str, int]], params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return what to draw: the arguments of a map-reduce for each country and quantity."""
        folder = stored.rpartition("/")[0]
        bucket, _, prefix = folder.partition("/")
        print(f"In {bucket}: {sum(sum(count.values()) for count in counts)} lines in {len(counts)} chunks")  # noqa: T201
        return [
            {
                "map_iterdata": f"{folder}/{country}/",
                "extra_args": {"quantity": quantity},
                "extra_args_reduce": {"country": country, "quantity": quantity, "prefix": prefix},
            }
            for country in (params or {})["countries"]
            for quantity in QUANTITIES
        ]

    LithopsMapReduceOperator.partial(
        task_id="draw",
        map_function=read_quantity,
        reduce_function=draw_map,
    ).expand_kwargs(charts(store.output, split.output))
