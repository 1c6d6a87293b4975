from __future__ import annotations

import functools
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG, XComArg, task

from lithops_provider.decorators import lithops_map, lithops_map_reduce, lithops_task
from lithops_provider.jobs.errors import InvalidInputError
from tests.fresh import run_after_airflow
from tests.task.instances import Instance
from tools.waiting import HANGS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def dag() -> Iterator[DAG]:
    with DAG("decorators", schedule=None) as dag:
        yield dag


@task
def numbers() -> list[int]:
    return [1, 2, 3]


def add(x: int, y: int) -> int:
    return x + y


def scale(x: int, factor: int = 2) -> int:
    return x * factor


def stored(x: int, storage: Any, id: int) -> int:
    return x


def shifted(id: int, timeout: int = 10) -> int:
    return timeout


def sizes(prefix: str, obj: Any) -> int:
    return len(prefix)


# -- where they are found ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "decorator"),
    [("lithops", lithops_task), ("lithops_map", lithops_map), ("lithops_map_reduce", lithops_map_reduce)],
)
def test_airflow_finds_it(name: str, decorator: Any) -> None:
    assert getattr(task, name) is decorator


def test_a_dag_file_that_uses_them_does_not_import_lithops() -> None:
    script = (
        "import sys\nfrom airflow.sdk import task\n"
        "@task.lithops_map\ndef f(x): return x\n"
        "assert not {'lithops', 'cloudpickle', 'numpy'} & set(sys.modules), sorted(sys.modules)\n"
    )
    run_after_airflow(script)


# -- tasks -----------------------------------------------------------------------------------------------------------


def operator(output: Any) -> Any:
    assert isinstance(output, XComArg)
    return output.operator  # type: ignore[attr-defined]


def test_a_call_makes_a_task(dag: DAG) -> None:
    made = operator(lithops_task(add)(1, y=2))

    assert (made.task_id, dag.task_dict["add"]) == ("add", made)
    assert (made.op_args, made.op_kwargs) == ([1], {"y": 2})
    assert made.python_callable is made.func is add


def test_calls_of_one_function_get_ids_of_their_own(dag: DAG) -> None:
    decorated = lithops_map(scale)
    decorated([1])
    decorated([2])
    decorated.override(task_id="other")([3])

    assert list(dag.task_dict) == ["scale", "scale__1", "other"]


@pytest.mark.parametrize(
    "call",
    [
        lambda output: lithops_map(scale)(output),
        lambda output: lithops_map(scale)([output, 2]),
        lambda output: lithops_map(scale)([{"x": [output]}]),
        lambda output: lithops_map(scale)([1], factor=output),
        lambda output: lithops_task(scale)(1, output),
        lambda output: lithops_task(scale)({"deep": [(output,)]}),
        lambda output: lithops_map(scale).partial(factor=output).expand(x=[[1]]),
        lambda output: lithops_map(scale).partial(x=[1]).expand(factor=output),
        lambda output: lithops_map(scale, timeout=output)([1]),
        lambda output: lithops_map_reduce(reduce_function=sum, extra_args_reduce=[output])(scale)([1]),
    ],
)
def test_outputs_of_other_tasks_set_the_order(call: Callable[[Any], Any]) -> None:
    assert operator(call(numbers())).upstream_task_ids == {"numbers"}


def test_parameters_are_the_operators(dag: DAG) -> None:
    decorated = lithops_map(retries=7, batch_size=3, timeout="{{ params.timeout }}", deferrable=True)(scale)
    made = operator(decorated.override(batch_size=4, pool="other")([1]))

    assert (made.retries, made.batch_size, made.timeout, made.deferrable, made.pool) == (
        *(7, 4, "{{ params.timeout }}", True),
        "other",
    )


def test_default_args_are_for_the_operator_not_for_the_function() -> None:
    def takes_names_of_the_operator(x: int, storage: Any, timeout: int = 1) -> int:
        return x

    with DAG("default_args", schedule=None, default_args={"storage": "redis", "timeout": 5, "retries": 4}):
        made = operator(lithops_map(takes_names_of_the_operator)([1]))

    assert (made.storage, made.timeout, made.retries, made.op_kwargs) == ("redis", 5, 4, {})


def test_what_a_task_is_called_and_what_it_shows() -> None:
    made = operator(lithops_map(stored)([1]))

    assert (made.operator_name, made.task_type) == ("@task.lithops_map", "LithopsMapDecoratedOperator")
    assert {"op_args", "op_kwargs", "batch_size"} <= set(made.template_fields)
    assert not {"map_iterdata", "extra_args", "iterdata_from_task"} & set(made.template_fields)


# -- used wrongly ----------------------------------------------------------------------------------------------------


def generator(x: int) -> Iterator[int]:
    yield x


async def coroutine(x: int) -> int:
    return x


@pytest.mark.parametrize("decorator", [lithops_task, lithops_map, lithops_map_reduce(reduce_function=sum)])
@pytest.mark.parametrize(
    ("function", "message"),
    [
        (generator, "generator is a generator function; .* Return a list instead"),
        (coroutine, r"coroutine is an async function; write a plain one that calls asyncio.run"),
        (functools.partial(add, 1), r"decorates functions, got partial: .*; write a function that calls it"),
        (add(1, 2), "decorates functions, got int: 3"),
        (DAG, "decorates functions, got type"),
    ],
    ids=["generator", "async", "partial", "no function", "class"],
)
def test_what_is_no_plain_function_is_refused(decorator: Any, function: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"^@task.lithops\w*:? .*{message}"):
        decorator(function)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lithops_task(retrys=1), r"^@task.lithops takes no parameter 'retrys'; did you mean 'retries'\?$"),
        (
            lambda: lithops_map(scale).override(batchsize=1),
            r"@task.lithops_map .*'batchsize'; did you mean 'batch_size'",
        ),
        (
            lambda: lithops_task(reduce_function=sum),
            r"^@task.lithops takes no parameter 'reduce_function'; @task.lithops_map_reduce does$",
        ),
        (lambda: lithops_task(cache=True), r"^@task.lithops takes no parameter 'cache'; @task.lithops_map does$"),
        (
            lambda: lithops_task(data={"x": 1}),
            r"no parameter 'data': the function is the decorated one, and its arguments are given in the call: "
            r"function\(1, y=2\)",
        ),
        (
            lambda: lithops_map(scale).override(map_iterdata=[1]),
            r"no parameter 'map_iterdata': .* given in the call: scale\(items, factor=3\), the items first",
        ),
        (lambda: lithops_map(scale).override(extra_args={}), "no parameter 'extra_args'"),
        (lambda: lithops_map(multiple_outputs=True)(scale), "@task.lithops_map returns a list"),
        (lambda: lithops_map(scale).override(multiple_outputs=True), "@task.lithops_map returns a list"),
        (lambda: task.lithops_map_reduce(scale), r"write @task.lithops_map_reduce\(reduce_function=...\) above"),
        (lambda: task.lithops_map_reduce(retries=1), r"write @task.lithops_map_reduce\(reduce_function=...\) above"),
        (lambda: lithops_map_reduce(reduce_function=generator), "reduce_function: generator is a generator function"),
        (lambda: lithops_map_reduce(reduce_function=1), "reduce_function must be a function, got int: 1"),
        (
            lambda: lithops_map_reduce(reduce_function=add),
            r"the list of the map's results does not fit add.*missing a required argument: 'y'",
        ),
    ],
)
def test_wrong_parameters_say_what_to_write(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        make()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lithops_task(add)(1), "the call of add does not fit add.*missing a required argument: 'y'"),
        (lambda: lithops_task(add)(1, 2, 3), "the call of add does not fit add.*too many positional arguments"),
        (lambda: lithops_task(add)(1, z=3), "the call of add does not fit add"),
        (lambda: lithops_task(sizes)("p"), r"the call of sizes does not fit sizes.*missing a required argument: 'obj'"),
        (lambda: lithops_map(scale)(), r"no items were given; write scale\(items, factor=3\), the items first"),
        (lambda: lithops_map(scale)(factor=3), "no items were given; write"),
        (lambda: lithops_map(scale)([1], 3), "2 positional arguments were given; write"),
        (lambda: lithops_map(scale)([1], faktor=3), "the call of scale does not fit scale.*'faktor'"),
        (lambda: lithops_map(shifted)([101]), "item 0, 101, does not fit shifted.* past the parameter 'id', .* rename"),
        (lambda: lithops_task(shifted)(101), "the call of shifted does not fit shifted.* past the parameter 'id'"),
        (lambda: lithops_map(add)([1]), "item 0, 1, does not fit add.*missing a required argument: 'y'"),
        (lambda: lithops_map(add)([(1, 2), (3,)]), "item 1, .*, does not fit add.*missing a required argument: 'y'"),
        (lambda: lithops_map(add)([{"x": 1}], y=2) and lithops_map(add)([{"x": 1, "y": 2}], y=2), "both give the"),
        (lambda: lithops_map(sizes)(["a"], obj=1), "the call of sizes does not fit sizes.*'obj'"),
        (lambda: lithops_map(scale).expand(factor=[1]), r"its items are not given. .*scale.partial\(x=items\).expand"),
        (lambda: lithops_map(shifted).expand(timeout=[[1]]), "has no first parameter by whose name"),
        (lambda: lithops_map(lambda *xs: xs, task_id="t").expand(x=[1]), "has no first parameter by whose name"),
    ],
)
def test_wrong_arguments_say_what_to_write(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        call()


def test_a_reserved_parameter_may_be_given_by_name() -> None:
    assert operator(lithops_task(stored)(1, storage=2)).op_kwargs == {"storage": 2}
    assert operator(lithops_map(stored)([1], id=3)).op_kwargs == {"id": 3}
    lithops_map(stored).partial(id=1).expand(x=[[1]])


def test_unknown_arguments_of_expand_are_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'faktor'"):
        lithops_map(scale).partial(x=[1]).expand(faktor=[1])


def test_items_that_only_the_run_knows_are_not_judged() -> None:
    lithops_map(add)([numbers(), "{{ params.pair }}"])
    lithops_map(add)(numbers())
    lithops_map(add)(pair for pair in [(1,)])


def test_items_that_the_run_knows_to_be_none_are_said_to_come_from_a_task() -> None:
    task = operator(lithops_map(scale)(numbers()))
    task.op_args = [None]  # as Airflow does when it renders the output of a task that returned None

    with pytest.raises(AirflowFailException, match="the items of scale are None: the task whose output they are was"):
        task.execute({"ti": Instance()})


# -- types -----------------------------------------------------------------------------------------------------------

TYPED = """
from __future__ import annotations

from typing import Any

from airflow.sdk import task

from lithops_provider.decorators import lithops_map, lithops_map_reduce, lithops_task

@lithops_task
def add(x: int, y: int = 0) -> str: raise NotImplementedError

@lithops_task(retries=3)
def add_again(x: int) -> str: raise NotImplementedError

@lithops_map
def scale(x: int, factor: int = 2) -> str: raise NotImplementedError

@lithops_map(retries=3)
def pair(x: int, y: str) -> str: raise NotImplementedError

@lithops_map_reduce(reduce_function=sum)
def square(x: int) -> int: raise NotImplementedError

@task
def numbers() -> list[int]: raise NotImplementedError

reveal_type(add)
reveal_type(add_again)
reveal_type(scale)
reveal_type(pair)
reveal_type(square)
reveal_type(add(1, y=2))
reveal_type(scale.override(retries=1))
reveal_type(scale.function)

# right
add(add(1), y=add(2))
scale([1, 2])
scale(range(3), factor=add(1))
scale(numbers(), factor=3)
scale([numbers(), add(1)])
scale("bucket/prefix/")
pair([(1, "a")])
pair([{"x": 1, "y": "a"}])
pair([1], y="a")
square(scale([1]))
scale.partial(factor=1).expand(x=[[1]])

# wrong
add("1")
add(1, z=2)
add()
scale()
scale(["1"])
scale([1], faktor=3)
scale([1], factor="3")
pair([1])
lithops_map_reduce(square)
"""


def test_type_checkers_know_them(tmp_path: Path) -> None:
    (tmp_path / "typed.py").write_text(TYPED)
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--no-error-summary"]
    cache = ["--cache-dir", str(ROOT / ".mypy_cache")]  # Airflow's types take half a minute to read
    command += [*cache, "typed.py"]
    done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, timeout=HANGS, check=False)

    lines = done.stdout.splitlines()
    revealed = [line.partition('Revealed type is "')[2].rstrip('"') for line in lines if "Revealed type" in line]
    assert [re.sub(r"(builtins|lithops_provider\.decorators|typing)\.", "", text) for text in revealed] == [
        "LithopsTask[[x: int, y: int =], str]",
        "LithopsTask[[x: int], str]",
        "LithopsMap[int, [factor: int =], str]",
        "LithopsMap[int, [y: str], str]",
        "LithopsMap[int, [], int]",
        "Output",
        "LithopsMap[int, [factor: int =], str]",
        "def (*Any, **Any) -> str",
    ]
    marked = TYPED[: TYPED.index("# wrong")].count("\n") + 1  # the line of that comment
    wrong = {int(line.split(":")[1]) for line in lines if ": error:" in line}
    assert wrong == set(range(marked + 1, TYPED.count("\n") + 1))
