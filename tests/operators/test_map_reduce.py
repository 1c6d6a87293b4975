"""The phases that follow the map, and what holds for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.operators import LithopsMapOperator, LithopsMapReduceOperator
from lithops_provider.operators.files import FILE_PHASES
from lithops_provider.task.handover import Handover
from tests.jobs.failures import Tally, leave_mark
from tests.jobs.made import make_job
from tests.operators.rows import remainders, sum_and_count
from tests.task.instances import Instance, execute_dying_in_each_phase


def total(key: Any, values: Any = ()) -> int:
    return sum(values)


def operator(**given: Any) -> LithopsMapReduceOperator:
    given = {"reduce_function": sum, **given}
    return LithopsMapReduceOperator(task_id="t", map_function=abs, map_iterdata=[-1, -2], **given)


def phases_of(task: LithopsMapReduceOperator, items: int) -> list[str]:
    """Returns the phases of a task whose map has so many items."""
    phase, phases, handover = "map", ["map"], Handover()
    while phase != task.phases[-1]:
        handover.jobs[phase] = make_job(items=items)
        phase = task._next_phase(phase, handover)
        phases.append(phase)
        items = -(-items // 2)
    return phases


@pytest.mark.parametrize(
    ("given", "phases"),
    [
        ({}, ["map", "reduce"]),
        ({"reduce_fan_in": 2}, ["map", "reduce-1", "reduce-2", "reduce"]),
        ({"reduce_by_key": True, "reduce_function": total}, ["map", "shuffle", "reduce"]),
        ({"results_to": "bucket/results/"}, ["map", "reduce", *FILE_PHASES]),
    ],
    ids=["at once", "in a tree", "by key", "into files"],
)
def test_phases_follow_each_other(given: dict[str, Any], phases: list[str]) -> None:
    task = operator(**given)

    assert phases_of(task, 8) == phases
    assert [phase for phase in phases if not task._has_phase(phase)] == []
    assert not task._has_phase("call")


def test_each_phase_has_its_memory_calls_and_share_of_successes() -> None:
    task = operator(runtime_memory=256, reduce_runtime_memory=1024, batch_size=3, reduce_fan_in=2)

    assert [task._memory(phase) for phase in ("map", "reduce-1", "reduce")] == [256, 1024, 1024]
    assert [task._batch_size(phase) for phase in ("map", "reduce-1")] == [3, "auto"]
    assert [task._success_ratio(phase, 0.5) for phase in ("map", "reduce-1")] == [0.5, 1.0]  # a tree needs all
    assert operator()._success_ratio("reduce", 0.5) == 0.5


def test_a_reduce_that_can_not_be_called_is_refused_before_the_map() -> None:
    def nothing() -> None: ...

    client: Any = None
    with pytest.raises(InvalidInputError, match="nothing"):
        operator(reduce_function=nothing)._bind({"ti": Instance()}, client, "map", Handover())  # type: ignore[typeddict-item]


def test_an_object_a_reducer_needs_objects() -> None:
    client: Any = None
    with pytest.raises(InvalidInputError, match="obj_reduce_by_key needs objects as items"):
        operator(obj_reduce_by_key=True)._bind({"ti": Instance()}, client, "map", Handover())  # type: ignore[typeddict-item]


def test_without_items_the_reduce_gets_an_empty_list() -> None:
    client: Any = None
    task = operator()

    assert task._reduce_items(task._reduction(), client, "reduce", Handover()) == [(([],), {})]
    assert task._result([0]) == 0


def test_a_worker_that_dies_in_each_level_of_a_tree_leaves_it_to_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped, reduced = (Tally(tmp_path / name) for name in ("mapped", "reduced"))

    def mark(x: int) -> int:
        leave_mark(mapped.path, str(x))
        return x

    def add(numbers: list[int]) -> int:
        leave_mark(reduced.path, "+".join(map(str, numbers)))
        return sum(numbers)

    task = LithopsMapReduceOperator(
        task_id="t",
        map_function=mark,
        map_iterdata=range(4),
        reduce_function=add,
        reduce_fan_in=2,
        poll_interval=0.05,
    )

    result, died = execute_dying_in_each_phase(task, monkeypatch)

    assert result == 6
    assert died == ["map", "reduce-1", "reduce"]
    assert sorted(mapped.read()) == ["0", "1", "2", "3"]
    assert sorted(reduced.read()) == ["0+1", "1+5", "2+3"]


def test_what_a_reduce_by_key_leaves_in_storage_is_a_list_of_each_call() -> None:
    task = LithopsMapReduceOperator(
        task_id="t",
        map_function=remainders,
        map_iterdata=[1, 2],
        reduce_function=sum_and_count,
        reduce_by_key=True,
        reducers=1,
        get_result=False,
        poll_interval=0.05,
    )
    value = task.execute({"ti": Instance()})  # type: ignore[typeddict-item]
    following = LithopsMapOperator(task_id="u", map_function=lambda pairs: dict(pairs), map_iterdata=value)

    assert following.execute({"ti": Instance()}) == [  # type: ignore[typeddict-item]
        {
            "by three: 1": {"sum": 1, "count": 1},
            "by three: 2": {"sum": 2, "count": 1},
            "by two: 0": {"sum": 2, "count": 1},
            "by two: 1": {"sum": 1, "count": 1},
        }
    ]
