"""The functions of a DAG file."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.dag_modules import load

DAG_FILE = """
import functools
import logging
import threading
from dataclasses import dataclass

log = logging.getLogger(__name__)
FACTOR = 10
lock = threading.Lock()
loads = []

@dataclass
class Point:
    x: int

    def scaled(self):
        return Point(helper(self.x))

class Base:
    def run(self, x):
        return x * FACTOR

class Derived(Base):
    pass

class Adder:
    def __init__(self, y):
        self.y = y

    def __call__(self, x):
        return helper(x) + self.y

    def method(self, x):
        return helper(x) + self.y

def helper(x):
    return x * FACTOR

def scale(x):
    log.info("scaling")
    return helper(x)

def add(x, y):
    return helper(x) + y

def make_point(x):
    return Point(x).scaled()

def takes_point(point):
    return point.x

shorthand = lambda x: helper(x)

@functools.lru_cache(maxsize=None)
def model(name):
    loads.append(name)
    return {"name": name, "loads": len(loads)}

def predict(x):
    return model("m")["loads"]

@functools.lru_cache
def cached(x):
    return helper(x)

def locks(x):
    with lock:
        return x

def calls_what_locks(x):
    return locks(x)

def fails(x):
    raise ValueError(f"no {x}")

class Locking:
    def __call__(self, x):
        with lock:
            return x
"""


@pytest.fixture(params=["unusual_prefix_1234_dag", "made_by_hand"])
def dag(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    name = f"{request.param}_{uuid.uuid4().hex[:6]}"
    path = tmp_path / f"{name}.py"
    path.write_text(DAG_FILE)
    yield load(path, name)
    del sys.modules[name]
