from __future__ import annotations

import functools
import json
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import cloudpickle  # noqa: TID253
import pytest

from lithops_provider.jobs.binding.drivers import Driver
from lithops_provider.jobs.binding.function import bind_function, bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import NotPortableError
from lithops_provider.jobs.submit import payload
from lithops_provider.jobs.submit.items import dump_items
from lithops_provider.jobs.submit.payload import dump_function, underlying_functions
from lithops_provider.jobs.submit.spec import make_spec
from tests.jobs.batches import BatchRunner
from tests.jobs.conftest import MapStarter
from tests.jobs.dag_modules import in_a_fresh_process
from tests.jobs.submit.conftest import DAG_FILE


class ImportedMeanwhile(str):
    """A module's name. While somebody looks at it, another thread imports one more module."""

    def startswith(self, *arguments: Any) -> bool:
        sys.modules.setdefault("another_of_another_thread", ModuleType("another_of_another_thread"))
        return super().startswith(*arguments)


def test_other_threads_may_import_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "another_of_another_thread", ModuleType("so that it is removed at the end"))
    del sys.modules["another_of_another_thread"]
    monkeypatch.setitem(sys.modules, ImportedMeanwhile("imported_meanwhile"), ModuleType("imported_meanwhile"))

    payload.modules_of(abs)

    assert "another_of_another_thread" in sys.modules, "nothing was imported meanwhile"


# -- functions that a fresh process can't import ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "extra", "expected"),
    [
        (lambda dag: dag.scale, None, 50),
        (lambda dag: dag.add, {"y": 1}, 51),
        (lambda dag: functools.partial(dag.add, y=2), None, 52),
        (lambda dag: dag.Adder(3), None, 53),
        (lambda dag: dag.Adder(4).method, None, 54),
        (lambda dag: dag.Derived().run, None, 50),
        (lambda dag: dag.cached, None, 50),
        (lambda dag: dag.predict, None, 1),
        (lambda dag: dag.shorthand, None, 50),
    ],
    ids=["function", "extra", "partial", "callable object", "method", "inherited method", "cached", "model", "lambda"],
)
def test_it_goes_by_value_with_helpers_constants_and_classes(
    dag: Any, make: Callable[[Any], Any], extra: Any, expected: int
) -> None:
    assert in_a_fresh_process(make(dag), 5, extra) == expected


def test_a_class_of_it_as_function_and_as_result(dag: Any) -> None:
    assert in_a_fresh_process(dag.Point, 5) == dag.Point(5)
    assert in_a_fresh_process(dag.make_point, 5) == dag.Point(50)


def test_items_may_be_of_its_classes(dag: Any) -> None:
    assert in_a_fresh_process(dag.takes_point, dag.Point(1)) == 1


def test_it_runs_in_a_job_and_its_results_are_its_own_classes(dag: Any, run_map: MapStarter) -> None:
    run = run_map(dag.make_point, [1, 2, 3])

    assert run.results() == [dag.Point(10), dag.Point(20), dag.Point(30)]


def test_a_model_is_loaded_once_a_batch(dag: Any, batch: BatchRunner) -> None:
    assert batch(dag.predict, range(5)).results() == dict.fromkeys(range(5), 1)


def test_nothing_stays_registered(dag: Any) -> None:
    before = cloudpickle.list_registry_pickle_by_value()
    dump_function(bind_function(dag.scale))
    with pytest.raises(NotPortableError):
        dump_function(bind_function(dag.locks))
    with pytest.raises(NotPortableError):
        dump_items(bind_function(dag.scale), [((threading.Lock(),), {})])

    assert cloudpickle.list_registry_pickle_by_value() == before


def test_what_the_user_registered_stays_registered(dag: Any) -> None:
    cloudpickle.register_pickle_by_value(dag)
    try:
        dump_function(bind_function(dag.scale))
        assert dag.__name__ in cloudpickle.list_registry_pickle_by_value()
    finally:
        cloudpickle.unregister_pickle_by_value(dag)


def test_functions_that_can_be_imported_go_by_reference() -> None:
    blob = dump_function(bind_function(json.dumps))

    assert len(blob) < 200


# -- what can't be shipped -------------------------------------------------------------------------------------


# -- what is sent ----------------------------------------------------------------------------------------------


def test_100_mb_that_all_items_share_are_sent_once() -> None:
    binding, items = bind_items(lambda x, y: x, range(1000), {"y": bytes(100 << 20)})

    spec = make_spec("map", binding, items)

    assert 100 << 20 <= len(spec.function) < 101 << 20
    assert sum(map(len, spec.items.blocks)) < 100_000


def test_what_all_items_share_is_stored_once(client: LithopsClient, run_map: MapStarter) -> None:
    run = run_map(lambda x, y: len(y), range(40), {"y": bytes(5 << 20)}, batch_size=10)

    assert run.results() == [5 << 20] * 40
    stored = client.storage.list_objects(run.job.bucket, f"{run.job.round_prefix()}/")
    assert sum(entry["Size"] for entry in stored) < 6 << 20


# -- functions behind functions --------------------------------------------------------------------------------


def plain(x: int) -> int:
    return x


class Callable_:  # noqa: N801
    def __call__(self, x: int) -> int:
        return self.other(x)

    def other(self, x: int) -> int:
        return x


def test_the_plain_functions_behind_a_function_are_found() -> None:
    assert underlying_functions(plain) == [plain]
    assert underlying_functions(functools.partial(plain, 1)) == [plain]
    assert underlying_functions(functools.partial(map, plain)) == [plain]
    assert underlying_functions(Callable_().other) == [Callable_.other]
    assert set(underlying_functions(Callable_())) == {Callable_.__call__, Callable_.other}
    assert underlying_functions(Driver("reduce.pairs", "emit", plain, None)) == [plain]
    assert underlying_functions(len) == []


def test_modules_that_a_fresh_process_can_import_are_known() -> None:
    assert payload._importable(pytest)
    assert not payload._importable(ModuleType("unusual_prefix_1234_dag"))
    assert not payload._importable(payload)  # this project isn't installed where functions run


# -- tracebacks ------------------------------------------------------------------------------------------------


def test_tracebacks_name_the_file_and_the_line(dag: Any, run_map: MapStarter) -> None:
    """Also with cloudpickle 3.1.3, which leaves file names out."""
    run = run_map(dag.fails, [1])
    run.results()
    (failure,) = run.failures()
    line = DAG_FILE.splitlines().index('    raise ValueError(f"no {x}")') + 1

    assert f'File "{dag.__file__}", line {line}, in fails' in failure.traceback
    assert 'raise ValueError(f"no {x}")' in failure.traceback
