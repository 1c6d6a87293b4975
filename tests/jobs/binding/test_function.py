from __future__ import annotations

import copy
import functools
import math
import re
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_call, bind_function, bind_items, chunked, split_evenly
from lithops_provider.jobs.binding.items import Item
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.text import function_name
from tests.jobs.binding.bound import add, bound
from tests.jobs.test_functions import Adder

# -- arguments -------------------------------------------------------------------------------------------------


def test_tuples_are_positional_dicts_are_keywords_and_all_else_is_the_first_argument() -> None:
    def f(x: Any, y: int = 0) -> None: ...

    items: list[Any] = [1, (1,), (1, 2), {"x": 1}, {"y": 2, "x": 1}, [1, 2], "text", None]

    assert bound(f, items) == [
        *[((1,), {}), ((1,), {}), ((1, 2), {}), ((), {"x": 1}), ((), {"y": 2, "x": 1})],
        *[(([1, 2],), {}), (("text",), {}), ((None,), {})],
    ]


def test_named_tuples_are_tuples_and_subclasses_of_dict_are_dicts() -> None:
    from collections import OrderedDict, namedtuple

    point = namedtuple("point", "x y")

    assert bound(add, [point(1, 2), OrderedDict(x=1, y=2)]) == [((1, 2), {}), ((), {"x": 1, "y": 2})]


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"y": 10}, ((1,), {"y": 10})),
        ([10], ((1, 10), {})),
        ((10,), ((1, 10), {})),
        (MappingProxyType({"y": 10}), ((1,), {"y": 10})),
    ],
    ids=["dict", "list", "tuple", "other mapping"],
)
def test_extra_args_go_to_every_item(extra: Any, expected: Item) -> None:
    assert bound(add, [1, (1,)], extra) == [expected, expected]


def test_extra_args_go_beside_the_keywords_of_an_item() -> None:
    assert bound(add, [{"x": 1}], {"y": 10}) == [((), {"x": 1, "y": 10})]


@pytest.mark.parametrize("extra", [10, "y", {10}, iter([10])], ids=lambda value: type(value).__name__)
def test_extra_args_of_another_type_are_refused(extra: Any) -> None:
    with pytest.raises(InvalidInputError, match="extra_args must be a dict of keyword arguments or a list or tuple"):
        bound(add, [1], extra)


def test_an_item_can_become_a_keyword_argument_whatever_its_type() -> None:
    items: list[Any] = [1, (1, 2), {"y": 1}]

    assert bound(add, items, {"y": 5}, argument="x") == [((), {"x": item, "y": 5}) for item in items]


def test_nothing_of_the_users_is_changed() -> None:
    items = [{"x": [1]}, {"x": [2]}]
    extra = {"y": [10]}
    before = copy.deepcopy((items, extra))

    bound(add, items, extra)
    bind_call(add, {**items[0], **extra})

    assert (items, extra) == before


# -- functions -------------------------------------------------------------------------------------------------


def with_default(x: int, y: int = 5) -> None: ...
def keyword_only(x: int, *, y: int) -> None: ...
def positional_only(x: int, y: int, /) -> None: ...
def variadic(*args: int, **kwargs: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "item", "extra"),
    [
        (add, (1, 2), None),
        (add, 1, {"y": 2}),
        (lambda x, y: x, (1, 2), None),
        (functools.partial(add, 1), 2, None),
        (functools.partial(add, y=2), 1, None),
        (functools.partial(functools.partial(add, 1), 2), (), None),
        (Adder(1), 2, None),
        (Adder(1).method, 2, None),
        (Adder, 2, None),
        (math.factorial, 5, None),
        (print, ("a", "b"), {"sep": "-"}),
        (max, (1, 2), {"key": abs}),
        (dict, {"anything": 1}, None),
        ("{}-{}".format, (1, 2), None),
        (with_default, 1, None),
        (with_default, {"x": 1}, {"y": 2}),
        (keyword_only, 1, {"y": 2}),
        (positional_only, 1, [2]),
        (positional_only, (1, 2), None),
        (variadic, (1, 2, 3), [4]),
        (variadic, {"a": 1}, {"b": 2}),
    ],
)
def test_functions_of_all_kinds_are_bound(function: Callable[..., Any], item: Any, extra: Any) -> None:
    ((args, kwargs),) = bound(function, [item], extra)

    function(*args, **kwargs)


@pytest.mark.parametrize(
    ("function", "item", "extra", "complaint"),
    [
        (add, 1, None, "missing a required argument: 'y'"),
        (add, (1, 2, 3), None, "too many positional arguments"),
        (add, {"x": 1, "z": 2}, None, "missing a required argument: 'y'"),
        (add, {"x": 1, "y": 2, "z": 3}, None, "unexpected keyword argument 'z'"),
        (add, 1, {"x": 2}, "multiple values for argument 'x'"),
        (add, {"x": 1, "y": 2}, {"y": 3}, "'y'"),
        (add, {"x": 1}, [2], "multiple values for argument 'x'"),
        (positional_only, {"x": 1, "y": 2}, None, "positional only, but|missing a required positional-only"),
        (keyword_only, (1, 2), None, "positional arg"),
        (functools.partial(add, 1, 2), 3, None, "too many positional arguments"),
        (Adder(1), (1, 2), None, "too many positional arguments"),
    ],
)
def test_what_does_not_fit_is_an_error_that_names_function_item_and_parameter(
    function: Any, item: Any, extra: Any, complaint: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        list(bind_items(function, [item], extra)[1])

    message = str(caught.value)
    assert re.search(complaint, message)  # Python 3.13 has other words for some
    assert f"item 0, {item!r}," in message
    assert function_name(function) in message


def test_the_error_names_the_first_item_that_does_not_fit() -> None:
    with pytest.raises(InvalidInputError, match=r"item 3, \(1, 2, 3\),.* add\(x: .*too many"):
        list(bind_items(add, [(1, 2), {"x": 1, "y": 2}, (3, 4), (1, 2, 3), (1,)])[1])


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def test_an_item_is_shown_in_short_and_without_fail() -> None:
    for item in ("x" * 100_000, b"x" * 100_000, [["x" * 1000] * 1000] * 1000, Unshowable(), 10**5000):
        with pytest.raises(InvalidInputError) as caught:
            list(bind_items(add, [item])[1])

        assert len(str(caught.value)) < 1_000
        assert bound(lambda x: None, [item]) == [((item,), {})]


def test_a_dict_for_a_function_of_one_parameter_comes_with_a_hint() -> None:
    with pytest.raises(InvalidInputError, match=r"make it a tuple of one, \(item,\)"):
        list(bind_items(lambda row: row, [{"city": "Rome"}])[1])


def test_a_list_where_a_tuple_was_meant_comes_with_a_hint() -> None:
    with pytest.raises(InvalidInputError, match=r"missing .*'y'; a list is a single argument: .*a tuple, .* \(1, 2\)"):
        list(bind_items(add, [[1, 2]])[1])
    with pytest.raises(InvalidInputError) as caught:
        list(bind_items(add, [[1, 2, 3]])[1])
    assert "a list is" not in str(caught.value)  # as a tuple it wouldn't fit, either


def test_a_path_for_a_function_without_obj_comes_with_a_hint() -> None:
    with pytest.raises(InvalidInputError, match="if it is a path in storage, name the parameter that takes it 'obj'"):
        list(bind_items(add, "bucket/prefix/")[1])
    with pytest.raises(InvalidInputError) as caught:
        list(bind_items(add, "one or/and another")[1])
    assert "path" not in str(caught.value)


def test_names_of_keyword_arguments_are_text() -> None:
    with pytest.raises(InvalidInputError, match="item 0: the names of keyword arguments are str, got 1"):
        list(bind_items(variadic, [{1: 2}])[1])
    with pytest.raises(InvalidInputError, match="extra_args: the names of keyword arguments are str, got 1"):
        list(bind_items(variadic, [], {1: 2})[1])


def generator_function(x: int) -> Iterator[int]:
    yield x


async def async_function(x: int) -> int:
    return x


async def async_generator(x: int) -> Any:
    yield x


class AsyncCallable:
    async def __call__(self, x: int) -> int:
        return x


class GeneratorCallable:
    def __call__(self, x: int) -> Iterator[int]:
        yield x


@pytest.mark.parametrize("function", [None, 5, "add", [add]])
def test_what_cannot_be_called_is_refused_under_the_name_it_was_given(function: Any) -> None:
    with pytest.raises(InvalidInputError, match="map_function must be a function, got"):
        list(bind_items(function, [1])[1])
    with pytest.raises(InvalidInputError, match="func must be a function, got"):
        bind_call(function)


@pytest.mark.parametrize("function", [async_function, functools.partial(async_function, 1), AsyncCallable()])
def test_async_functions_are_refused(function: Any) -> None:
    with pytest.raises(InvalidInputError, match="is an async function"):
        bind_function(function)


@pytest.mark.parametrize("function", [generator_function, async_generator, GeneratorCallable()])
def test_generator_functions_are_refused(function: Any) -> None:
    with pytest.raises(InvalidInputError, match="is a generator function"):
        bind_function(function)


# -- names that are filled in ----------------------------------------------------------------------------------


def test_filled_in_parameters_need_not_be_given() -> None:
    def f(x: int, id: int, storage: Any, obj: Any, y: int = 1) -> None: ...

    binding, _ = bind_items(f, [1, {"x": 1}, {"x": 1, "y": 2}])

    assert binding.injected == ("id", "storage")
    assert binding.takes_object


@pytest.mark.parametrize("name", ["id", "storage", "ibm_cos", "rabbitmq"])
def test_one_may_be_given_by_name(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def f(x, {name}): pass", namespace)

    assert bound(namespace["f"], [{"x": 1, name: 2}]) == [((), {"x": 1, name: 2})]
    assert bound(namespace["f"], [1], {name: 2}) == [((1,), {name: 2})]
    with pytest.raises(InvalidInputError, match=f"item 0.* and extra_args both give the parameter '{name}'"):
        list(bind_items(namespace["f"], [{"x": 1, name: 2}], {name: 3})[1])


def test_one_that_a_partial_gives_is_not_filled_in() -> None:
    def f(x: int, id: int) -> None: ...

    assert bind_function(functools.partial(f, id=5)).injected == ()


def test_a_positional_only_parameter_of_that_name_is_the_users() -> None:
    def f(id: int, /) -> None: ...

    assert bind_items(f, [7])[0].injected == ()
    assert bound(variadic, [{"id": 7}]) == [((), {"id": 7})]


# -- a single call ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"x": 1, "y": 2}, ((), {"x": 1, "y": 2})),
        ([1, 2], ((1, 2), {})),
        ((1, 2), ((1, 2), {})),
    ],
)
def test_the_arguments_of_a_call(data: Any, expected: Item) -> None:
    assert bind_call(add, data)[1] == [expected]


@pytest.mark.parametrize("data", [None, {}, [], ()])
def test_a_call_without_arguments(data: Any) -> None:
    assert bind_call(lambda: 1, data)[1] == [((), {})]


def test_a_call_has_no_arguments_unless_they_are_given() -> None:
    assert bind_call(lambda x=5: x)[1] == [((), {})]
    with pytest.raises(InvalidInputError, match="missing a required argument: 'x'"):
        bind_call(lambda x: x)


@pytest.mark.parametrize("data", [None, 5, "text", b"bytes", {1, 2}])
def test_anything_else_is_the_only_argument_of_a_call(data: Any) -> None:
    assert bind_call(abs, data)[1] == [((data,), {})]
    assert bind_call(lambda x=5: x, data)[1] == [((data,), {})]


def test_a_call_may_be_given_positional_and_keyword_arguments() -> None:
    assert bind_call(variadic, {"args": [1, 2], "kwargs": {"a": 3}})[1] == [((1, 2), {"a": 3})]


def test_data_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(InvalidInputError, match=r"data does not fit add.*missing a required argument: 'y'"):
        bind_call(add, {"x": 1})


# -- splitting -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "parts"), [(1, 1), (10, 3), (10, 10), (9, 2), (100_000, 7)])
def test_splitting_is_even_and_complete(count: int, parts: int) -> None:
    ranges = split_evenly(count, parts)

    assert [index for piece in ranges for index in piece] == list(range(count))
    assert len(ranges) == parts
    assert max(map(len, ranges)) - min(map(len, ranges)) <= 1


def test_chunks_of_a_range_stay_ranges() -> None:
    assert chunked(range(5, 10), 2) == [range(5, 7), range(7, 10)]
    assert chunked([9, 8, 7], 2) == [[9], [8, 7]]


# -- functions under a decorator of Airflow, and those without a signature -------------------------------------


class Decorated:
    """What Airflow's task decorators make of a function, as far as can be told from its type."""

    _airflow_is_task_decorator = True

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("this would make a task")


@pytest.mark.parametrize(
    ("function", "items"),
    [
        (Decorated(add), [(1, 2)]),
        (functools.partial(Decorated(add), 1), [2]),
        (functools.partial(Decorated(add), y=2), [1]),
        (functools.partial(functools.partial(Decorated(add), 1), 2), [()]),
    ],
)
def test_under_a_decorator_of_airflow_is_the_plain_function(function: Any, items: list[Any]) -> None:
    binding, bound_items = bind_items(function, items)
    ((args, kwargs),) = bound_items

    assert binding.function(*args, **kwargs) == 3


def test_of_a_function_without_a_signature_only_what_is_given_twice_is_refused() -> None:
    binding = bind_function(max)
    assert binding.signature is None

    binding.check_shared({"no_such_parameter": 1}, "the call of max")
    with pytest.raises(InvalidInputError, match=r"both give the parameter 'key' of max\(\.\.\.\); give it once"):
        bound(max, [{"key": abs}], {"key": abs})
