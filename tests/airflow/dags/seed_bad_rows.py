"""Operators that were given something wrong, with what the error has to say: used by seed_bad.py and by its test."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapOperator, LithopsMapReduceOperator


class Bad(NamedTuple):
    """
    A task that must fail before anything is sent.

    :param operator: its class
    :param given: its arguments
    :param says: what its error has to say: the parameter, what was given, what to do
    :param upstream: the task before it, if there is one
    :param dag_id: the DAG that has it as a task, where other tasks or objects in storage matter; None where no Airflow
        is needed to tell
    """

    operator: type[LithopsMapOperator | LithopsCallAsyncOperator]
    given: dict[str, Any]
    says: list[str]
    upstream: str | None = None
    dag_id: str | None = None


def add(x: int, y: int) -> int:
    """Take two arguments."""
    return x + y


def double(x: int) -> int:
    """Take one argument."""
    return 2 * x


def fetch(id: int, timeout: int = 10) -> int:
    """Take an optional argument behind a reserved one."""
    return timeout


def take_nothing() -> int:
    """Take no argument."""
    return 0


def read(obj: Any) -> int:
    """Take an object in storage."""
    return len(obj.data_stream.read())


def _map(*says: str, upstream: str | None = None, dag_id: str | None = None, **given: Any) -> Bad:
    items = {} if {"iterdata_from_task", "iterdata_form_task"} & set(given) else {"map_iterdata": [1, 2]}
    return Bad(LithopsMapOperator, {"map_function": double, **items, **given}, list(says), upstream, dag_id)


def _reduce(*says: str, **given: Any) -> Bad:
    given = {"map_function": double, "map_iterdata": [1], **given}
    return Bad(LithopsMapReduceOperator, given, list(says))


def _call(*says: str, upstream: str | None = None, dag_id: str | None = None, **given: Any) -> Bad:
    return Bad(LithopsCallAsyncOperator, {"func": add, **given}, list(says), upstream, dag_id)


def _alias(make: Any, alias: str, name: str, one: Any, other: Any, **given: Any) -> Bad:
    bad: Bad = make(f"{alias} is an alias of {name}", "give one of them", **{alias: one, name: other}, **given)
    return bad


SEED_BAD = "seed_bad"
SEED_BAD_MORE = "seed_bad_more"
"""With what unit tests of tests/task and tests/jobs/inputs show, too: only ``make thorough`` runs it."""

BAD: dict[str, Bad] = {
    "endless": _map("map_iterdata, count(", "1000 items", "[lithops] max_items", map_iterdata=itertools.count()),
    "shifted": _map(
        "fetch(id: <filled in: the item's index>", "become 'timeout', past the parameter 'id'", map_function=fetch
    ),
    # where the items come from
    "no_items": _map("give either map_iterdata or iterdata_from_task", "neither was", map_iterdata=None),
    "two_sources": _map(
        "give either map_iterdata or iterdata_from_task",
        "both were",
        map_iterdata=[1],
        iterdata_from_task="returns_str",
        upstream="returns_str",
        dag_id=SEED_BAD_MORE,
    ),
    "items_from_none": _map(
        "iterdata_from_task",
        "'returns_none' was skipped, returned None",
        "have it return a value",
        iterdata_from_task="returns_none",
        upstream="returns_none",
        dag_id=SEED_BAD,
    ),
    "items_from_str": _map(
        "iterdata_from_task",
        "'returns_str' returned a str, 'abc'",
        "return a list",
        iterdata_from_task={"x": "returns_str"},
        upstream="returns_str",
        dag_id=SEED_BAD_MORE,
    ),
    "items_from_nowhere": _map(
        "iterdata_from_task names 'nowhere'", ">>", iterdata_form_task="nowhere", dag_id=SEED_BAD_MORE
    ),
    "data_from_nowhere": _call(
        "data_from_task['y'] names 'returns_str'",
        "not upstream of 'data_from_nowhere'",
        ">>",
        data={"x": 1},
        data_from_task={"y": "returns_str"},
        dag_id=SEED_BAD,
    ),
    "data_from_none": _call(
        "data_from_task['y']",
        "'returns_none' was skipped, returned None",
        "have it return a value",
        data={"x": 1},
        data_from_task={"y": "returns_none"},
        upstream="returns_none",
        dag_id=SEED_BAD_MORE,
    ),
    # functions
    "does_not_take_items": _map(
        "item 0, 1, does not fit add(x: 'int', y: 'int')",
        "missing a required argument: 'y'",
        map_function=add,
        dag_id=SEED_BAD,
    ),
    "does_not_take_data": _call(
        "data does not fit add", "unexpected keyword argument 'z'", data={"x": 1, "y": 2, "z": 3}
    ),
    "does_not_take_results": _reduce("the list of the map's results", "take_nothing", reduce_function=take_nothing),
    "not_callable": _map("map_function must be a function", "str: 'double'", map_function="double"),
    "func_not_callable": _call("func must be a function", "int: 5", func=5),
    "reduce_not_callable": _reduce("reduce_function must be a function", "list", reduce_function=[]),
    "no_reduce": _reduce("reduce_function is required"),
    # numbers
    "batch_size_0": _map('batch_size must be "auto" or a number of items, at least 1', "got 0", batch_size=0),
    "batch_size_many": _map('batch_size must be "auto" or a number', "got 'many'", batch_size="many"),
    "min_success_ratio_2": _map(
        "min_success_ratio must be a number, at least 0, at most 1", "got 2", min_success_ratio=2
    ),
    "item_retries_negative": _map("item_retries must be an int, at least 0", "got -1", item_retries=-1),
    "clean_data_maybe": _map("clean_data must be True or False", "got 'maybe'", clean_data="maybe"),
    "timeout_0": _map("timeout must be a number, greater than 0", "got 0", timeout=0),
    # objects
    "missing_object": _map(
        "item 1",
        "there is no object seed/lines/c.txt",
        map_function=read,
        map_iterdata=["seed/lines/a.txt", "seed/lines/c.txt"],
        dag_id=SEED_BAD,
    ),
    "empty_prefix": _map(
        "item 0",
        "there is no object seed/nothing/",
        map_function=read,
        map_iterdata="seed/nothing/",
        dag_id=SEED_BAD_MORE,
    ),
    "mixed_objects": _map(
        "one kind",
        "seed/lines/a.txt",
        "/etc/hostname",
        map_function=read,
        map_iterdata=["seed/lines/a.txt", "/etc/hostname"],
        dag_id=SEED_BAD_MORE,
    ),
    # an alias and its canonical name together
    "alias_extra_args": _alias(_map, "extra_params", "extra_args", {}, {}),
    "alias_iterdata": _alias(_map, "iterdata_form_task", "iterdata_from_task", "returns_str", "returns_none"),
    "alias_config": _alias(_map, "config", "lithops_config", {}, {}),
    "alias_mode": _alias(_map, "type", "mode", "localhost", "localhost"),
    "alias_chunk_number": _alias(_map, "chunk_n", "obj_chunk_number", 2, 2),
    "alias_chunk_size": _alias(_map, "chunk_size", "obj_chunk_size", 200, 200),
    "alias_by_key": _alias(_reduce, "reducer_one_per_object", "obj_reduce_by_key", True, False, reduce_function=sum),
    "alias_reduce": _alias(_reduce, "reduce_funtion", "reduce_function", sum, max),
    "alias_remote": _alias(_map, "remote_invocation", "remote_invoker", True, False),
}
