"""
Vegetation of a season from satellite images: the NDVI of each tile, its average per month and field, by TaskFlow.

    tiles -> store_tile -> ndvi -> field_averages -> per_month      clean_up

A Sentinel-2 tile has a band of red and one of near infrared light. Plants reflect infrared and absorb red, so their
normalized difference shows how green a place is. The tiles are made up here, small, and put into the job's storage;
each task is a map over what the one before it left there. Nothing but a value of a few hundred bytes for each task
goes through Airflow's database, until the small table at the end. The functions need numpy where they run.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from airflow.sdk import DAG, task

MONTHS = {4: 0.25, 5: 0.45, 6: 0.75, 7: 0.70, 8: 0.50, 9: 0.30}  # how green the season is, around which tiles vary
TILES = 3
PIXELS = 256  # a side; Sentinel-2's have 10,980

# Fields as rectangles of pixels: top, left, bottom, right. A lake stays as it is all year.
FIELDS = {
    "wheat": (10, 10, 110, 110),
    "meadow": (120, 20, 240, 120),
    "lake": (30, 140, 220, 240),
}


class Tile(NamedTuple):
    """A tile of a month: where its two bands are."""

    month: int
    number: int
    red: str
    infrared: str


@task
def tiles() -> list[dict[str, int]]:
    """Lists the tiles."""
    return [{"month": month, "number": number} for month in MONTHS for number in range(TILES)]


@task.lithops_map(get_result=False)
def store_tile(month: int, number: int, prefix: str, storage: Any) -> Tile:
    """Makes up a tile, and stores its bands as a satellite's operator would."""
    import numpy as np

    random = np.random.default_rng(100 * month + number)
    greenness = np.full((PIXELS, PIXELS), MONTHS[month])
    top, left, bottom, right = FIELDS["lake"]
    greenness[top:bottom, left:right] = -0.2
    greenness += random.normal(0, 0.05, greenness.shape)
    light = random.uniform(2_000, 4_000, greenness.shape)  # red and infrared together
    bands = {"red": light * (1 - greenness) / 2, "infrared": light * (1 + greenness) / 2}
    keys = {name: f"{prefix}/{month:02}/{number}/{name}" for name in bands}
    for name, band in bands.items():
        storage.put_object(storage.bucket, keys[name], band.astype("uint16").tobytes())
    return Tile(month, number, **keys)


def read_band(storage: Any, key: str) -> Any:
    """Reads a band as float."""
    import numpy as np

    data = storage.get_object(storage.bucket, key)
    return np.frombuffer(data, "uint16").reshape(PIXELS, PIXELS).astype("float32")


@task.lithops_map(get_result=False)
def ndvi(month: int, number: int, red: str, infrared: str, storage: Any) -> tuple[int, Any]:
    """Returns the index of each pixel of a tile, from -1 for water to 1 for forest. It stays in storage."""
    red_light, infrared_light = read_band(storage, red), read_band(storage, infrared)
    return month, (infrared_light - red_light) / (infrared_light + red_light)


def per_month(averages: list[tuple[int, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Averages the tiles of each month."""
    table = {}
    for month in MONTHS:
        of_month = [fields for found, fields in averages if found == month]
        table[f"{month:02}"] = {
            field: round(sum(fields[field] for fields in of_month) / len(of_month), 2) for field in FIELDS
        }
    return table


@task.lithops_map_reduce(reduce_function=per_month, multiple_outputs=False)
def field_averages(month: int, index: Any) -> tuple[int, dict[str, float]]:
    """Averages the pixels of each field of a tile."""
    return month, {
        field: float(index[top:bottom, left:right].mean()) for field, (top, left, bottom, right) in FIELDS.items()
    }


@task.lithops
def clean_up(prefix: str, storage: Any) -> int:
    """Deletes the bands, and tells how many there were."""
    keys = storage.list_keys(storage.bucket, f"{prefix}/")
    storage.delete_objects(storage.bucket, keys)
    return len(keys)


@task
def check(table: dict[str, dict[str, float]]) -> str:
    """Compare with what the tiles were made of."""
    for month, fields in table.items():
        expected = {"wheat": MONTHS[int(month)], "meadow": MONTHS[int(month)], "lake": -0.2}
        if any(abs(fields[field] - expected[field]) > 0.02 for field in FIELDS):
            raise ValueError(f"In month {month} the fields should have {expected}, not {fields}.")
    greenest = max(table, key=lambda month: table[month]["wheat"])
    return f"the wheat is greenest in month {greenest}"


with DAG("lithops_ndvi", schedule=None, tags=["lithops", "example"], doc_md=__doc__):
    prefix = "ndvi/{{ run_id }}"
    averages = field_averages(ndvi(store_tile(tiles(), prefix=prefix)))
    check(averages) >> clean_up(prefix).as_teardown()  # so that the run fails if another task has failed
