"""A DAG file with functions of every kind, and the modules in its folder that they use; ``{name}`` is its name."""

from __future__ import annotations

DAG_FILE = """
import collections.abc
import enum
import functools
import json
import logging
import threading
from dataclasses import dataclass

from airflow.sdk import DAG, Variable, task
from airflow.sdk.definitions.context import Context

import {name}_sibling
from {name}_package.sub import deep
from {name}_folder import inner
from {name}_sibling import Record, doubled

from lithops_provider.decorators import lithops_map
from lithops_provider.operators import LithopsMapOperator

log = logging.getLogger("airflow.task")
FACTOR = 10
TABLE = {{"a": 1, "b": [1, 2, {{"c": 3}}]}}
lock = threading.Lock()
config = {{"name": "x", "guard": lock}}

class Color(enum.Enum):
    RED = 1

@dataclass
class Point:
    x: int
    color: Color = Color.RED

    def moved(self, by):
        return Point(self.x + by + {name}_sibling.ONE)

class Wrong(ValueError):
    pass

class Model:
    def __init__(self, guard):
        self.rate = 2
        self.lock = guard

    def predict(self, x):
        return x * self.rate

class Guarded:
    def predict(self, x):
        with lock:
            return x

class Holder:
    def __init__(self):
        self.path = __file__

model = Model(lock)
holder = Holder()

def helper(x):
    log.info("helping")
    return x * FACTOR

def make_adder(y):
    offset = y + 1
    def add(x):
        return x + offset
    return add

def uses_all(x):
    values = [helper(value) for value in (x, TABLE["b"][2]["c"])]
    return values + [Color.RED.value, json.loads("1"), len(holder.path) > 1]

def uses_modules(x):
    import {name}_inside
    from {name}_package import late
    return [{name}_sibling.ONE, doubled(x), deep(x), inner.triple(x), {name}_inside.TWO, late.THREE]

def within_a_comprehension(x):
    return [(lambda y: {name}_sibling.ONE + y)(value) for value in [x]]

def by_method(x):
    return Point(x).moved(1).x

@functools.lru_cache(maxsize=None)
def cached(x):
    return doubled(x)

def by_cache(x):
    return cached(x)

def takes_record(record):
    return record.value

def raises(x):
    raise Wrong(f"{{x}} is wrong")

def collects(x) -> collections.abc.Sequence:
    return x

with DAG("functions", schedule=None) as dag:
    @task.lithops_map
    def factorial(n: int) -> int:
        return 1 if n < 2 else n * factorial(n - 1)

    @task.lithops
    def calls_decorated(x):
        return [factorial(x), factorial.function(x), plain_task(x)]

    @task
    def plain_task(x):
        return x + FACTOR

    @lithops_map(retries=2)
    def typed(x, factor=2):
        return x * factor

    made = factorial([1, 2])
    operator = LithopsMapOperator(task_id="operator", map_function=helper, map_iterdata=[1])

def uses_dag(x):
    return x, dag.dag_id

def uses_operator(x):
    return operator.task_id

def uses_output(x):
    return [made for _ in range(x)]

def uses_variable(x):
    y = x
    return Variable.get("a")

def uses_task(x):
    @task
    def inner():
        pass
    return x

def annotated(x, context: Context):
    return x

def by_default(x, dag=dag):
    return x

def calls_uses_dag(x):
    return uses_dag(x)

def uses_config(x):
    return config["name"]

def uses_model(x):
    return model.predict(x)

def uses_guarded(x):
    return Guarded().predict(x)

def closes_over_dag():
    mine = dag
    def f(x):
        return mine
    return f

def waits(x):
    return [threading.Event, lock]

def mentions_an_attribute(x):
    return str(getattr(x, "dag", None)), x.__class__.__name__ if False else None, [x for lock in [x]]
"""

FILES = {
    "{name}_sibling.py": """
        import {name}_others
        from dataclasses import dataclass
        ONE = 1
        def doubled(x):
            return {name}_others.TWO * x
        @dataclass
        class Record:
            value: int
        """,
    "{name}_others.py": "TWO = 2",
    "{name}_inside.py": "TWO = 2",
    "{name}_package/__init__.py": "",
    "{name}_package/late.py": "THREE = 3",
    "{name}_package/sub/__init__.py": "from .more import deep",
    "{name}_package/sub/more.py": "def deep(x): return -x",
    "{name}_folder/inner.py": "from {name}_beside import THREE\ndef triple(x): return THREE * x",
    "{name}_beside.py": "THREE = 3",
}
