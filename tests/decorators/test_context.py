from __future__ import annotations

import datetime
import enum
import functools
import pickle
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.sdk import DAG, task
from airflow.sdk.definitions.context import KNOWN_CONTEXT_KEYS

from lithops_provider.decorators import lithops_map, lithops_map_reduce, lithops_task
from lithops_provider.decorators.context import PLAIN, Given, with_names, with_values
from lithops_provider.jobs.binding.function import Binding, bind_function, bind_items
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.remote.injection import Injection
from lithops_provider.jobs.submit.spec import make_spec
from tests.programs import run_python

NOTHING = Given(0, ())


@pytest.fixture(autouse=True)
def dag() -> Iterator[DAG]:
    with DAG("context", schedule=None) as dag:
        yield dag


class RunType(str, enum.Enum):
    MANUAL = "manual"


def context(**changed: Any) -> Any:
    """Makes Airflow's context of a run."""
    date = pendulum.datetime(2024, 2, 29, 6, 30, tz="Europe/Madrid")
    return {
        "dag_run": SimpleNamespace(run_id="manual", run_type=RunType.MANUAL, conf={"a": [date]}, secret=object()),
        "ds": "2024-02-29",
        "logical_date": date,
        "params": {"factor": 3},
        "prev_start_date_success": date,
        "run_id": "manual",
        "task": object(),
        "ti": object(),
        "try_number": 1,
        "var": object(),
        **changed,
    }


def outcomes(binding: Binding, items: Any) -> list[Any]:
    """Calls the function as it would be for the items, elsewhere."""
    inject = Injection(*pickle.loads(pickle.dumps(binding.injection())))
    found = []
    for index, (args, kwargs) in enumerate(items):
        args, kwargs = inject(index, (*args, *binding.args), {**binding.kwargs, **kwargs}, None)
        found.append(binding.function(*args, **kwargs))
    return found


def call(function: Callable[..., Any], items: list[Any], extra: Any = None) -> list[Any]:
    """Calls a function for each item in a run."""
    return outcomes(*bind_items(with_values(function, context(), NOTHING), items, extra))


# -- what arrives ----------------------------------------------------------------------------------------------------


def required(x: int, ds: str) -> Any:
    return x, ds


def first(ds: str, x: int) -> Any:
    return x, ds


def optional(x: int, ds: str | None = None, y: int = 5) -> Any:
    return x, ds, y


def keyword_only(x: int, *, ds: str) -> Any:
    return x, ds


def after_reserved(x: int, id: int, ds: str) -> Any:
    return x, id, ds


def after_variadic(*xs: int, ds: str | None = None) -> Any:
    return xs, ds


@pytest.mark.parametrize(
    ("function", "items", "expected"),
    [
        (
            required,
            [1, (2, "mine"), {"x": 3}, {"x": 4, "ds": "mine"}],
            [(1, "2024-02-29"), (2, "mine"), (3, "2024-02-29"), (4, "mine")],
        ),
        (first, [{"x": 1}, ("mine", 2)], [(1, "2024-02-29"), (2, "mine")]),
        (
            optional,
            [1, (2, "mine"), (3, "mine", 6), {"x": 4, "y": 7}, (5, None)],
            [(1, "2024-02-29", 5), (2, "mine", 5), (3, "mine", 6), (4, "2024-02-29", 7), (5, None, 5)],
        ),
        (keyword_only, [1, {"x": 2, "ds": "mine"}], [(1, "2024-02-29"), (2, "mine")]),
        (after_reserved, [1, {"x": 2, "ds": "mine"}], [(1, 0, "2024-02-29"), (2, 1, "mine")]),
        (after_variadic, [1, (2, 3)], [((1,), "2024-02-29"), ((2, 3), "2024-02-29")]),
    ],
)
def test_a_variable_is_filled_in_where_nothing_is_given(
    function: Callable[..., Any], items: list[Any], expected: list[Any]
) -> None:
    assert call(function, items) == expected


def test_what_all_items_share_wins() -> None:
    assert call(optional, [1], {"ds": "shared"}) == [(1, "shared", 5)]
    assert call(optional, [1], ["shared"]) == [(1, "shared", 5)]


def test_an_item_never_lands_on_a_variable_behind_a_reserved_parameter() -> None:
    def fetch(id: int, ds: str) -> Any:
        return id, ds

    with pytest.raises(InvalidInputError, match="would become 'ds', past the parameter 'id'"):
        call(fetch, [101])


def test_keywords_get_the_plain_ones_that_are_no_parameters() -> None:
    def whole(x: int, ds: str, **context: Any) -> Any:
        return context

    (given,) = call(whole, [{"x": 1, "run_id": "mine"}])

    assert given.pop("run_id") == "mine"
    assert set(given) == {"dag_run", "logical_date", "params", "try_number"}


def test_keywords_of_a_function_of_anybody_have_to_be_called_context() -> None:
    def library(x: int, ds: str, **options: Any) -> Any:
        return ds, options

    assert call(library, [1]) == [("2024-02-29", {})]


def test_values_are_of_types_that_python_has_itself() -> None:
    def whole(dag_run: Any, logical_date: Any, prev_start_date_success: Any) -> Any:
        return dag_run, logical_date, prev_start_date_success

    wrapped = with_values(whole, context(), NOTHING)
    date = datetime.datetime(2024, 2, 29, 6, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))

    assert wrapped.values["dag_run"] == SimpleNamespace(run_id="manual", run_type="manual", conf={"a": [date]})
    assert type(wrapped.values["dag_run"].run_type) is str
    assert wrapped.values["logical_date"] == wrapped.values["prev_start_date_success"] == date
    script = "import pickle, sys; pickle.loads(sys.stdin.buffer.read()); print('pendulum' in sys.modules)"
    assert run_python(script, given=pickle.dumps(dict(wrapped.values))) == b"False\n"


def test_a_run_without_dates_says_so() -> None:
    without = context()
    del without["ds"]

    with pytest.raises(InvalidInputError, match=r"'ds' asks for a variable .* that this run doesn't have; .* None as"):
        with_values(required, without, NOTHING)
    assert outcomes(*bind_items(with_values(optional, without, NOTHING), [1])) == [(1, None, 5)]
    assert outcomes(*bind_items(with_values(required, without, Given(2, ())), [(1, "mine")])) == [(1, "mine")]


def test_a_run_can_be_taken_up_again_with_values_of_another_try() -> None:
    def tried(x: int, try_number: int) -> int:
        return try_number

    def spec(function: Callable[..., Any], number: int) -> Any:
        return make_spec("map", *bind_items(with_values(function, context(try_number=number), NOTHING), [1]))

    assert spec(tried, 1).digests == spec(tried, 2).digests
    assert spec(tried, 1).function != spec(tried, 2).function
    assert spec(tried, 1).digests["function"] != spec(required, 1).digests["function"]


# -- what is said when a DAG is parsed -------------------------------------------------------------------------------


def wants_ti(x: int, ti: Any) -> int:
    return x


def wants_ti_or_none(x: int, *, ti: Any = None) -> int:
    return x


def other_default(x: int, params: Any = ()) -> int:
    return x


def reduce_with_var(results: list[Any], var: Any) -> int:
    return 0


@task
def numbers() -> list[int]:
    return [1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lithops_map(wants_ti)([1]), r"@task.lithops_map: .* 'ti' of wants_ti .*can't travel.*task_id="),
        (lambda: lithops_map(wants_ti)(numbers()), "can't travel"),
        (lambda: lithops_map(wants_ti_or_none)([1]), "can't travel"),
        (lambda: lithops_map(wants_ti).expand(x=[[1], [2]]), "can't travel"),
        (lambda: lithops_task(wants_ti)(1), "@task.lithops: the parameter 'ti' .*can't travel"),
        (lambda: lithops_task(wants_ti_or_none).partial().expand(x=[1]), "can't travel"),
        (lambda: lithops_map_reduce(reduce_function=reduce_with_var)(abs), "'var' of reduce_with_var .*can't travel"),
        (lambda: lithops_map(other_default)([1]), "another default than None"),
    ],
)
def test_what_cannot_travel_is_an_error_of_the_dag(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        make()


def test_given_arguments_may_have_names_of_airflows_context() -> None:
    lithops_map(wants_ti)([(1, 2)])
    lithops_map(wants_ti)([{"x": 1, "ti": 2}])
    lithops_map(wants_ti)([1], ti=2)
    lithops_map(other_default)([1], params={})
    lithops_task(wants_ti)(1, 2)
    lithops_map_reduce(reduce_function=reduce_with_var, extra_args_reduce={"var": 1})(required)([1])
    lithops_map_reduce(reduce_function=functools.partial(reduce_with_var, var=1))(required)([1])


def test_functions_that_ask_for_what_travels_need_not_be_given_it() -> None:
    for function in (required, first, optional, keyword_only):
        lithops_map(function)([{"x": 1}])
        lithops_task(function)(x=1)
    lithops_map(required)(numbers())


@pytest.mark.parametrize("name", sorted(KNOWN_CONTEXT_KEYS))
def test_each_variable_travels_or_is_refused(name: str) -> None:
    """A variable that a later Airflow has is refused until somebody says that it is plain data."""
    namespace: dict[str, Any] = {}
    exec(f"def asks(x, {name}): pass", namespace)
    made = lithops_map(namespace["asks"])
    if name in PLAIN:
        made([1])
    else:
        with pytest.raises(InvalidInputError, match="can't travel"):
            made([1])


def test_a_function_keeps_its_place_beside_an_object() -> None:
    def read(obj: Any, ds: str, x: int) -> Any:
        return ds

    binding = bind_function(with_names(read)).with_object()

    binding.check(("bucket/key",), {"x": 1}, "the call")
