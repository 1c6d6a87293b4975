"""Decorators of functools that hold locks or weak references, in functions and classes of the DAG file."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_function
from lithops_provider.jobs.errors import NotPortableError
from lithops_provider.jobs.submit.payload import dump_function
from tests.jobs.dag_modules import in_a_fresh_process, load

DAG_FILE = """
import enum
import functools
import threading

made = []
lock = threading.Lock()

class Scene:
    def __init__(self, x):
        self.x = x

    @functools.cached_property
    def pixels(self):
        made.append(self.x)
        return self.x * 10

class Cropped(Scene):
    @functools.cached_property
    def pixels(self):
        return super().pixels + 1

class Band(enum.Enum):
    RED = 1

    @functools.cached_property
    def label(self):
        return self.name.lower()

@functools.singledispatch
def shown(value):
    return f"any {value}"

@shown.register
def _(value: int):
    return f"int {value}"

@shown.register(list)
def _of_list(values):
    return [shown(value) for value in values]

@shown.register
def _of_scene(scene: Scene):
    return f"scene {scene.x}"

@functools.singledispatch
def deep(value):
    return deep([value])

@deep.register
def _of_deep(values: list):
    return len(values)

class Printer:
    @functools.singledispatchmethod
    def show(self, value):
        return f"any {value}"

    @show.register
    def _(self, value: int):
        return f"int {value}"

    @functools.lru_cache
    def twice(self, x):
        return 2 * x

def scene(x):
    found = Scene(x)
    return found.pixels, found.pixels, made

def cropped(x):
    return Cropped(x).pixels

def band(x):
    return Band.RED.label

def dispatched(x):
    return shown(x), shown("s"), shown([1, Scene(2)])

def recursive(x):
    return deep(x)

def methods(x):
    printer = Printer()
    return printer.show(x), printer.show("s"), printer.twice(x)

class Locking:
    @functools.cached_property
    def value(self):
        with lock:
            return 1

class OfLocking(Locking):
    @functools.cached_property
    def value(self):
        return super().value

class Holding:
    guard = threading.Lock()

class OfHolding(Holding):
    def run(self):
        return super().run()

class Plain:
    @property
    def value(self):
        return lock

@functools.singledispatch
def guarded(value):
    return value

@guarded.register
def _guarded_int(value: int):
    with lock:
        return value

def uses_locking(x):
    return Locking().value

def uses_of_locking(x):
    return OfLocking().value

def uses_holding(x):
    return OfHolding()

def uses_plain(x):
    return Plain().value

def uses_guarded(x):
    return guarded(x)
"""


@pytest.fixture(scope="module")
def dag(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    name = f"unusual_prefix_{uuid.uuid4().hex[:6]}_functools"
    path = tmp_path_factory.mktemp("dags") / "functools_dag.py"
    path.write_text(DAG_FILE)
    yield load(path, name)
    del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("scene", (50, 50, [5])),
        ("cropped", 51),
        ("band", "red"),
        ("dispatched", ("int 5", "any s", ["int 1", "scene 2"])),
        ("recursive", 1),
        ("methods", ("int 5", "any s", 10)),
    ],
)
def test_they_arrive(dag: Any, name: str, expected: Any) -> None:
    assert in_a_fresh_process(getattr(dag, name), 5) == expected


def test_a_dispatcher_is_the_function_itself(dag: Any) -> None:
    assert in_a_fresh_process(dag.shown, 5) == "int 5"


def test_they_arrive_from_a_function_that_defines_them(dag: Path) -> None:
    import functools

    @functools.lru_cache
    def cached(x: int) -> int:
        return x + 1

    class Local:
        @functools.cached_property
        def value(self) -> int:
            return cached(1)

    @functools.singledispatch
    def dispatched(value: Any) -> str:
        return "any"

    @dispatched.register
    def _(value: int) -> str:
        return "int"

    assert in_a_fresh_process(lambda x: (cached(x), Local().value, dispatched(x)), 5) == (6, 2, "int")


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("uses_locking", r"Locking\.value refers in line \d+ of functools_dag\.py to 'lock'"),
        ("uses_of_locking", r"Locking\.value refers in line \d+ of functools_dag\.py to 'lock'"),
        ("uses_holding", r"it refers in line \d+ of functools_dag\.py to 'Holding\.guard'"),
        ("uses_plain", r"Plain\.value refers in line \d+ of functools_dag\.py to 'lock'"),
        ("uses_guarded", r"guarded, which it calls, refers in line \d+ of functools_dag\.py to 'lock'"),
    ],
)
def test_what_keeps_them_from_travelling_is_named(dag: Any, name: str, named: str) -> None:
    with pytest.raises(NotPortableError, match=rf"can't be shipped: {named}, of type _thread\.lock"):
        dump_function(bind_function(getattr(dag, name)))
