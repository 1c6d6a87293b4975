"""The recipes of docs/guides/cookbook.md, each run as the DAG file that it is."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.conftest import RunDag
from tests.airflow.seed import Storage
from tests.jobs.web_server import serve
from tests.test_docs import PYTHON
from tools.airflow_stack import AirflowStack

pytestmark = pytest.mark.thorough

#: Stands where the recipe has the model's package: a text's vector is the counts of some letters. There is no network.
MODEL = """
import numpy


class SentenceTransformer:
    def __init__(self, folder: str) -> None:
        assert folder == "/models/all-MiniLM-L6-v2"

    def encode(self, text: str) -> numpy.ndarray:
        return numpy.array([text.count(letter) for letter in "aet"], dtype="float32")
"""


@pytest.fixture
def recipe(airflow: AirflowStack, run_dag: RunDag) -> Callable[..., Any]:
    """Runs a recipe, in which a text may be replaced, and returns what one of its tasks returned."""

    def run(dag_id: str, task_id: str, *change: str) -> Any:
        (text,) = (one.text for one in PYTHON if one.page.name == "cookbook.md" and f'DAG("{dag_id}"' in one.text)
        airflow.write_dag(f"cookbook_{dag_id}", text.replace(*change) if change else text, dag_id)
        return run_dag(dag_id).xcom(task_id)

    return run


@pytest.fixture
def bucket(airflow: AirflowStack) -> Path:
    """Where the recipes' bucket is, for an Airflow without a connection."""
    return Storage.of(airflow).folder / "my-bucket"


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_sums_of_tables(recipe: Callable[..., Any], bucket: Path, kind: str) -> None:
    import pandas

    (bucket / "sales").mkdir(parents=True, exist_ok=True)
    for number in range(3):
        table = pandas.DataFrame({"country": ["fr", "es", "fr"], "amount": [1.0, 2.0, number]})
        path = bucket / "sales" / f"{number}.{kind}"
        table.to_parquet(path) if kind == "parquet" else table.to_csv(path, index=False)

    assert recipe("sales", "by_country", "*.parquet", f"*.{kind}") == {"fr": 6.0, "es": 6.0}


def test_thumbnails(recipe: Callable[..., Any], bucket: Path) -> None:
    from PIL import Image

    (bucket / "photos").mkdir(parents=True, exist_ok=True)
    for name in ("a.png", "b.jpg"):
        Image.new("RGB", (640, 480), "teal").save(bucket / "photos" / name)

    keys = recipe("thumbnails", "thumbnail")

    assert keys == ["thumbnails/256/photos/a.png", "thumbnails/256/photos/b.jpg"]
    assert {Image.open(io.BytesIO((bucket / key).read_bytes())).size for key in keys} == {(256, 192)}


def test_a_model_search(recipe: Callable[..., Any]) -> None:
    best = recipe("model_search", "score")

    assert 0.9 < best["score"] < 1.0
    assert best["parameters"]["n_estimators"] in (50, 100, 200)


def test_an_api_with_limits(recipe: Callable[..., Any]) -> None:
    cities = {"Paris": 18, "Tarragona": 21, "Nairobi": 25}
    with serve({f"/weather?city={name}": json.dumps(degrees).encode() for name, degrees in cities.items()}) as server:
        found = recipe("weather_api", "fetch", "https://api.example.com", server.url)

    assert found == [18, 21, 25]
    assert len(server.requests) == 3


def test_embeddings(airflow: AirflowStack, recipe: Callable[..., Any]) -> None:
    airflow.write_dag("sentence_transformers", MODEL)

    # "a first text": one a, one e, three t; "a second one": one a, two e, no t.
    assert recipe("embeddings", "length") == pytest.approx((1 + 1 + 9) ** 0.5)


def test_a_simulation(recipe: Callable[..., Any]) -> None:
    assert recipe("pi", "hits") == pytest.approx(3.14159, abs=0.005)
