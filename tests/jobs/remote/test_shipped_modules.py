"""The module of the DAG file in the process of its functions, and modules that another job has shipped."""

from __future__ import annotations

import base64
import importlib
import pickle
import sys
import uuid
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.inputs.references import bind_references
from lithops_provider.jobs.remote.keys import FUNCTION
from lithops_provider.jobs.remote.shipped_modules import load_result
from tests.jobs.batches import BatchRunner
from tests.jobs.conftest import MapStarter, finished
from tests.jobs.dag_modules import load

DAG_FILE = """
import functools
import pickle
import sys
import typing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import Pool
from typing import Optional

from airflow.sdk import task

FACTOR = 10

@dataclass
class Model:
    x: "int"
    next: "Optional[Model]" = None

class Unused:
    pass

def scale(x):
    return x * FACTOR

def with_pool(x):
    with Pool(2) as pool:
        return pool.map(scale, [x, 2])

def with_executor(x):
    with ProcessPoolExecutor(2) as pool:
        return list(pool.map(scale, [x, 2]))

def recursive(x):
    if not x:
        return 1
    with Pool(1) as pool:
        return pool.map(recursive, [0])[0] + 1

@functools.lru_cache
def cached(x):
    return x + FACTOR

def with_cache(x):
    with Pool(1) as pool:
        return pool.map(cached, [x])

@task
def decorated(x):
    return x + 1

def with_decorated(x):
    with Pool(1) as pool:
        return pool.map(decorated, [x])

def pickles(x):
    return pickle.loads(pickle.dumps(Model(x))) == Model(x)

def pickles_its_item(model):
    return pickle.loads(pickle.dumps(model)) is not model and model.x

def dataclass_inside(x):
    @dataclass
    class Inside:
        x: "int"
        model: "Model"
    return Inside(x, Model(x)).model.x

def hints(x):
    return sorted(typing.get_type_hints(Model))

def looks_at_its_module(x):
    module = sys.modules[__name__]
    assert module.scale is scale
    return module.FACTOR, module.__name__ == __name__, hasattr(module, "Unused")

def make(x):
    return Model(x)

def nested(x):
    import lithops
    executor = lithops.FunctionExecutor(config=x)
    executor.map(scale, [1, 2])
    return executor.get_result()
"""


@pytest.fixture(scope="module")
def dag(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    name = f"unusual_prefix_{uuid.uuid4().hex[:6]}_shipped"
    path = tmp_path_factory.mktemp("dags") / "shipped.py"
    path.write_text(DAG_FILE)
    yield load(path, name)
    del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("with_pool", [50, 20]),
        ("with_executor", [50, 20]),
        ("recursive", 2),
        ("with_cache", [15]),
        ("with_decorated", [6]),
        ("pickles", True),
        ("dataclass_inside", 5),
        ("looks_at_its_module", (10, True, False)),
    ],
)
def test_its_names_are_there(dag: Any, batch: BatchRunner, name: str, expected: Any) -> None:
    done = batch(getattr(dag, name), [5])

    assert done.failures() == {}
    assert done.results() == {0: expected}


def test_classes_of_items_are_there(dag: Any, run_map: MapStarter) -> None:
    assert run_map(dag.pickles_its_item, [dag.Model(3)]).results() == [3]


def test_results_of_its_classes_are_those_of_the_file(dag: Any, run_map: MapStarter) -> None:
    (result,) = run_map(dag.make, [5]).results()

    assert type(result) is dag.Model


def test_results_of_its_classes_can_be_read_where_nothing_of_it_is(dag: Any, batch: BatchRunner) -> None:
    done = batch(dag.make, [5])
    name = dag.__name__
    del sys.modules[name]
    try:
        assert done.results()[0].x == 5
    finally:
        sys.modules[name] = dag


def test_functions_may_use_lithops_with_it(dag: Any, run_map: MapStarter) -> None:
    config = {"lithops": {"backend": "localhost", "storage": "localhost"}, "localhost": {"runtime": sys.executable}}
    run = run_map(dag.nested, [(config,)])

    results = run.results()
    assert [failure.traceback for failure in run.failures()] == []
    assert results == [[10, 20]]


# -- modules that another job has shipped ----------------------------------------------------------------------


@pytest.fixture
def prefix(client: LithopsClient) -> Iterator[str]:
    """A round of another job, with modules that nobody else has."""
    prefix = f"lithops.jobs/{uuid.uuid4().hex[:16]}-0-M000"
    files = {
        "travelled/__init__.py": "from travelled.inner import VALUE\n",
        "travelled/inner.py": "VALUE = 'in a package'\n",
        "travelled_alone.py": "VALUE = 'alone'\n",
        "travelled_space/inner.py": "VALUE = 'in a folder'\n",
    }
    shipped = {path: base64.b64encode(text.encode()).decode() for path, text in files.items()}
    client.put(f"{prefix}/{FUNCTION}", pickle.dumps({"module_data": shipped}))
    before = [*sys.meta_path]
    yield prefix
    sys.meta_path[:] = before
    for name in [name for name in sys.modules if name.startswith("travelled")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "value"),
    [("travelled", "in a package"), ("travelled_alone", "alone"), ("travelled_space.inner", "in a folder")],
)
def test_a_result_may_need_modules_that_only_its_job_has(
    client: LithopsClient, prefix: str, name: str, value: str
) -> None:
    def load() -> Any:
        return importlib.import_module(name).VALUE

    assert load_result(load, client.storage, client.bucket, prefix) == value


def test_a_module_that_no_job_has_is_an_error_and_looked_for_once(client: LithopsClient, prefix: str) -> None:
    def load() -> Any:
        return importlib.import_module("travelled_nowhere")

    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="travelled_nowhere"):
            load_result(load, client.storage, client.bucket, prefix)
        client.delete(client.bucket, [f"{prefix}/{FUNCTION}"])


def test_functions_take_results_whose_modules_only_the_other_job_has(
    client: LithopsClient, run_map: MapStarter, packaged: Callable[[str], ModuleType]
) -> None:
    made = run_map(packaged("class Thing:\n    x = 5\n\ndef make(_):\n    return Thing()\n").make, [0]).job

    bound = bind_references(client, lambda thing: (type(thing).__module__, thing.x), made.to_dict())

    assert finished(client, *bound).results() == [("travels.module", 5)]
