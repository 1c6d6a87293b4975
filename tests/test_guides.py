"""What the guides say: their functions compute it, their prices and error texts are the code's."""

from __future__ import annotations

import json
import re
import urllib.error
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.view.prices import PRICES
from tests.jobs.web_server import serve
from tests.test_docs import PYTHON, Snippet, run, snippets

ROOT = Path(__file__).resolve().parent.parent
GUIDES = ROOT / "docs" / "guides"


def recipe(page: str, dag_id: str) -> dict[str, Any]:
    (snippet,) = [each for each in PYTHON if each.page.name == page and f'DAG("{dag_id}"' in each.text]
    return run(snippet)


def test_the_simulation_finds_pi() -> None:
    defined = recipe("cookbook.md", "pi")
    hits = defined["hits"].function
    assert hits(3, draws=1000) == hits(3, draws=1000)
    results = [hits(seed, draws=1000) for seed in range(20)]
    assert abs(defined["estimate"](results, draws=1000) - 3.14159) < 0.05


def test_partial_sums_are_merged() -> None:
    merge = recipe("cookbook.md", "sales")["merge"]
    assert merge([{"fr": 1.0, "es": 2.0}, {"fr": 0.5}]) == {"fr": 1.5, "es": 2.0}


def test_sums_are_those_of_a_frame() -> None:
    import pandas

    class Chunk:
        def dataframe(self) -> pandas.DataFrame:
            return pandas.DataFrame({"country": ["fr", "es", "fr"], "amount": [1.0, 2.0, 0.5]})

    assert recipe("cookbook.md", "sales")["by_country"].function(Chunk()) == {"es": 2.0, "fr": 1.5}


def test_the_model_search_covers_its_grid() -> None:
    defined = recipe("cookbook.md", "model_search")
    assert len(defined["SETS"]) == 18
    assert defined["best"]([{"score": 0.1}, {"score": 0.9}, {"score": 0.5}]) == {"score": 0.9}


def test_a_thumbnail_is_stored_where_its_key_says() -> None:
    import io

    from PIL import Image

    picture = io.BytesIO()
    Image.new("RGB", (640, 480), "teal").save(picture, "PNG")
    picture.seek(0)

    class Given:
        bucket, key, data_stream = "photos", "a.png", picture

        def __init__(self) -> None:
            self.stored: dict[tuple[str, str], bytes] = {}

        def put_object(self, bucket: str, key: str, body: bytes) -> None:
            self.stored[bucket, key] = body

    given = Given()
    key = recipe("cookbook.md", "thumbnails")["thumbnail"].function(given, given, 256)
    assert key == "thumbnails/256/a.png"
    assert Image.open(io.BytesIO(given.stored["photos", key])).size == (256, 192)


def test_an_api_is_asked_for_each_city_and_what_it_refuses_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = recipe("cookbook.md", "weather_api")["fetch"].function
    with serve({"/weather?city=S%C3%A3o%20Paulo": b'{"degrees": 21}'}) as server:
        monkeypatch.setenv("WEATHER_API", f"{server.url}/weather")
        assert fetch("São Paulo", pause=0.0) == {"degrees": 21}
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetch("Atlantis", pause=0.0)


def test_the_plugin_s_results_are_what_its_guide_says() -> None:
    defined = recipe("from-the-2020-plugin.md", "moved_from_2020")
    assert defined["product"]([defined["add"](x, y=1) for x in (1, 2, 3)]) == 24


def test_the_estimate_is_worked_out_with_the_prices_of_the_package() -> None:
    price = PRICES["aws_lambda"]
    compute, requests = 100_000 * 0.5 * price.gb_second, 1_000 * price.request
    page = (GUIDES / "aws-in-production.md").read_text()
    rows = dict(re.findall(r"^\| ([^|]+) \| [^|]*\| ([\d.]+) \|$", page, re.MULTILINE))
    assert rows["compute"] == f"{compute:.4f}"
    assert rows["invocations"] == f"{requests:.4f}"
    assert rows["`lithops_summary`, `cost.estimate`"] == f"{compute + requests:.4f}"
    assert rows["in all, about"] == f"{compute + requests + float(rows['S3, beside the estimate']):.2f}"


def source() -> str:
    """All texts of the package, those joined that are written in several pieces, without what is filled in."""
    files = sorted((ROOT / "src").rglob("*.py"))
    text = "\n".join(path.read_text() for path in files)
    text = re.sub(r'"\s*\n\s*f?"', "", text)
    return re.sub(r"\{[^{}]*\}", "...", text)


def texts() -> list[str]:
    rows = re.findall(r"^\| (`.+?`(?:, `.+?`)*) (?:in [^|]+)?\| ", (GUIDES / "troubleshooting.md").read_text(), re.M)
    found = [text for row in rows for text in re.findall(r"`([^`]+)`", row)]
    return [text for text in found if text not in ("ModuleNotFoundError", "state mismatch", "None")]  # others' texts


@pytest.mark.parametrize("text", texts())
def test_an_error_of_the_troubleshooting_is_one_of_the_package(text: str) -> None:
    parts = [part.strip() for part in re.split(r"\.\.\.|f\(x, y\): .*", text)]
    known = source()
    assert [part for part in parts if part and part not in known] == []


@pytest.mark.parametrize("snippet", [each for each in snippets("json") if each.page.parent == GUIDES], ids=str)
def test_what_is_json_is_a_policy_a_rule_or_a_connection(snippet: Snippet) -> None:
    from airflow.sdk import Connection

    from lithops_provider.connection.extra import connection_config

    given = json.loads(snippet.text)
    if given.keys() == {"Version", "Statement"}:
        assert all(each.keys() >= {"Effect", "Action", "Resource"} for each in given["Statement"])
    elif given.keys() == {"Rules"}:
        assert given["Rules"][0]["Filter"] == {"Prefix": "lithops.jobs/"}
    else:
        connection = Connection(conn_id="lithops_default", conn_type="lithops", extra=snippet.text)
        config = connection_config(connection)
        assert config["lithops"] == given["lithops"]
