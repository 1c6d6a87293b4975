"""What keeps a function from being shipped is named."""

from __future__ import annotations

import functools
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_function
from lithops_provider.jobs.errors import NotPortableError
from lithops_provider.jobs.inputs.by_key import ReduceByKey
from lithops_provider.jobs.submit.payload import dump_function
from tests.jobs.dag_modules import load

#: A DAG file whose functions refer to a lock, each in another way.
HOLDERS = """
import functools, threading
from airflow.sdk import task

lock = threading.Lock()
several = {"keys": [1, lock]}

class Dispatching:
    @functools.singledispatchmethod
    def run(self, x):
        return x

    @run.register
    def _(self, x: int):
        with lock:
            return x

@task
def decorated(x):
    with lock:
        return x

def use_a_list(x):
    return several["keys"][x]

def use_a_task(x):
    return decorated.override(task_id="other"), x

def use_a_method(x):
    return Dispatching().run(x)

class Refusing:
    def __init__(self):
        self.name = "it can be pickled"
    def __reduce__(self):
        raise TypeError("not me")

refusing = Refusing()

def use_an_object(x):
    return refusing

def plain(x):
    return x

def combine(key, values):
    return several[key]
"""


@pytest.fixture(scope="module")
def holders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path: Path = tmp_path_factory.mktemp("dags") / "holders.py"
    path.write_text(HOLDERS)
    yield load(path, "unusual_prefix_of_the_holders")
    del sys.modules["unusual_prefix_of_the_holders"]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda dag: dag.locks, "locks"),
        (lambda dag: dag.calls_what_locks, "calls_what_locks"),
        (lambda dag: dag.Locking(), "Locking"),
        (lambda dag: functools.partial(dag.locks), "locks"),
    ],
    ids=["function", "helper", "callable object", "partial"],
)
def test_a_lock_in_its_globals_is_named(dag: Any, make: Callable[[Any], Any], name: str) -> None:
    with pytest.raises(
        NotPortableError, match=rf"the function {name} can't be shipped: .*'lock', of type _thread.lock"
    ):
        dump_function(bind_function(make(dag)))


def test_a_lock_in_its_closure_is_named() -> None:
    guard = threading.Lock()

    def f(x: int) -> int:
        with guard:
            return x

    with pytest.raises(NotPortableError, match=r"the function f can't be shipped: .*'guard', of type _thread.lock"):
        dump_function(bind_function(f))


def test_a_lock_in_the_shared_arguments_is_named() -> None:
    with pytest.raises(NotPortableError, match="extra_args 'y', of type lock, can't be pickled"):
        dump_function(bind_function(lambda x, y: x, {"y": threading.Lock()}))
    with pytest.raises(NotPortableError, match="extra_args 0, of type lock, can't be pickled"):
        dump_function(bind_function(lambda x, y: x, [threading.Lock()]))
    with pytest.raises(NotPortableError, match="extra_args 'z', of type lock, can't be pickled"):
        dump_function(bind_function(lambda x, y, z: x, {"y": 1, "z": threading.Lock()}))


@pytest.mark.parametrize(
    "function",
    [
        functools.partial(max, key=threading.Lock()),
        lambda x, y=threading.Lock(): x,  # noqa: B008
        types.MethodType(max, threading.Lock()),
    ],
    ids=["partial", "default", "method of a builtin"],
)
def test_a_lock_anywhere_else_is_an_error_that_says_so(function: Any) -> None:
    with pytest.raises(NotPortableError, match=r"can't be shipped: .*lock"):
        dump_function(bind_function(function))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("use_a_list", r"it refers in line \d+ of holders.py to \"several\['keys'\]\[1\]\", of type _thread.lock"),
        ("use_a_task", r"decorated, which it calls, refers in line \d+ of holders.py to 'lock', of type _thread.lock"),
        ("use_an_object", "it refers in line .* of holders.py to 'refusing', of type .*Refusing"),
        ("use_a_method", r"Dispatching.run refers in line \d+ of holders.py to 'lock'"),
    ],
)
def test_a_lock_is_found_inside_what_the_function_refers_to(holders: Any, name: str, words: str) -> None:
    with pytest.raises(NotPortableError, match=rf"the function {name} can't be shipped: .*{words}"):
        dump_function(bind_function(getattr(holders, name)))


def test_a_lock_of_any_of_several_functions_is_named(holders: Any) -> None:
    reduction = ReduceByKey(holders.plain, combine=holders.combine)

    with pytest.raises(NotPortableError, match=r"refers .* to \"several\['keys'\]\[1\]\""):
        dump_function(bind_function(reduction.map_function(holders.plain)))


def test_a_variable_without_a_value_is_nothing_to_blame() -> None:
    def f(x: int) -> Any:
        return absent, lock

    lock = threading.Lock()
    if lock.locked():
        absent = 1

    with pytest.raises(NotPortableError, match=r"'lock', of type _thread.lock"):
        dump_function(bind_function(f))
