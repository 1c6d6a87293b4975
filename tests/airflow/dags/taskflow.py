"""Decorated functions, in all the ways they are called."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from lithops_provider.decorators import lithops_map, lithops_map_reduce

FACTOR = 10


@task
def numbers() -> list[int]:
    return [1, 2, 3]


@task
def three() -> int:
    return 3


@task
def rows() -> list[dict[str, int]]:
    return [{"x": 1, "y": 2}, {"x": 3, "y": 4}]


@task
def ten_times(x: int) -> int:
    return x * 10


@task.lithops
def add(x: Any, y: Any = 0, *more: Any, **named: Any) -> list[Any]:
    return [x, y, *more, *sorted(named.items())]


@task.lithops_map
def scale(x: int, factor: int = FACTOR) -> int:
    return x * factor


@task.lithops_map
def multiply(x: int, y: int) -> int:
    return x * y


@task.lithops_map(batch_size="{{ params.batch }}")
def tell(x: Any, id: int, label: str = "", *, more: Any = None) -> list[Any]:
    return [x, id, label, more]


@task.lithops
def describe(x: int) -> dict[str, Any]:
    return {"value": x, "square": x * x}


def total(results: list[int], start: int = 0) -> dict[str, int]:
    return {"total": sum(results, start), "count": len(results)}


@task.lithops_map_reduce(reduce_function=total, extra_args_reduce={"start": 100})
def square(x: int) -> int:
    return x * x


@task.lithops_map_reduce(reduce_function=max)
def length(obj: Any) -> int:
    return len(obj.data_stream.read())


@task.lithops
def count_lines(obj: Any, times: int) -> int:
    return times * len(obj.data_stream.read().splitlines())


@task
def write_file() -> str:
    import tempfile
    from pathlib import Path

    path = Path(tempfile.gettempdir()) / "lithops-taskflow.txt"
    path.write_text("a\nbb\nccc\n")
    return str(path)


with DAG("taskflow", schedule=None, params={"word": "hello", "batch": "2"}):
    listed, one = numbers(), three()
    mapped = ten_times.expand(x=[1, 2])
    described = describe(4)
    reduced = square(listed)

    add(mapped, {"deep": [one, (listed, {"er": one})]}, "{{ params.word }}", reduced["total"], z=described)
    add.partial(y=one).expand(x=[1, 2])
    add.override(task_id="add_kwargs").expand_kwargs([{"x": 1, "z": 2}])
    scale(listed, factor=one)
    scale.override(task_id="scale_mapped", retries=2, retry_delay=1.0)(mapped)
    scale.override(task_id="scale_rows").partial(factor=one).expand(x=[listed, []])
    multiply([(1, 2), {"x": 3, "y": 4}])
    tell(["a", "{{ params.word }}", one], label="{{ params.word }}", more={"n": one, "all": listed})

    # objects
    written = write_file()
    length([written])
    count_lines(times=3, obj=written)

# What only shows again, in another way, what the tasks above show.
with DAG("taskflow_more", schedule=None):
    listed, one = numbers(), three()
    add(1, 2, 3, z=4)
    add.override(task_id="add_output")(describe(5)["value"])
    describe.override(task_id="not_waited_for", async_invoke=True, multiple_outputs=False)(6)
    scale.override(task_id="scale_generator")(n for n in range(3))
    scale.override(task_id="scale_range", deferrable=True)(range(5), factor=2)
    scale.override(task_id="scale_list_of_xcoms")([one, one, 5])
    scale.override(task_id="scale_by_factor").partial(x=listed).expand(factor=[1, 2])
    scale.override(task_id="scale_nothing")([])
    multiply(rows())
    lithops_map(task_id="typed")(scale.function)([4])
    square.override(task_id="square_deferred", deferrable=True, extra_args_reduce=[7])([2, 3])
    lithops_map_reduce(reduce_function=sum, task_id="typed_reduce")(scale.function)([1, 2], factor=3)
    count_lines(write_file(), times=2)


with DAG("taskflow_wrong", schedule=None):
    # What can't be known when the file is parsed.
    scale.override(task_id="not_iterable", retries=3)(three())
