"""
TaskFlow: decorators that make a function of the DAG file one call, a map or a map-reduce.

``@task.lithops``, ``@task.lithops_map`` and ``@task.lithops_map_reduce`` are the functions below. Imported from here,
type checkers and editors know the decorated function's arguments as well.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

import attr
from airflow.sdk.bases.decorator import _TaskDecorator
from airflow.sdk.definitions.xcom_arg import XComArg

from lithops_provider.decorators.context import check_names, given_to_reduce, with_names
from lithops_provider.decorators.operators import (
    LithopsCallDecoratedOperator,
    LithopsDecoratedOperator,
    LithopsMapDecoratedOperator,
    LithopsMapReduceDecoratedOperator,
)
from lithops_provider.jobs.binding.function import bind_function
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.inputs.choose import choose_reduction
from lithops_provider.jobs.text import short_repr

if TYPE_CHECKING:
    # What a task returns may be given to another as any argument: for type checkers it is of every type.
    class Output(XComArg, Any):  # type: ignore[misc]
        """What calling a decorated function returns in a DAG file."""

else:
    Output = XComArg

__all__ = ["Output", "lithops_map", "lithops_map_reduce", "lithops_task"]

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", covariant=True)


class LithopsTask(Protocol, Generic[P, R]):
    """A function under ``@task.lithops``."""

    @property
    def function(self) -> Callable[P, R]:
        """The function itself."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Output:
        """Makes a task that calls the function once."""

    def partial(self, **kwargs: Any) -> LithopsTask[..., R]:
        """Gives arguments that all mapped tasks share."""

    def expand(self, **kwargs: Any) -> Output:
        """Makes a mapped task for each value."""

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> Output:
        """Makes a mapped task for each dict of arguments."""

    def override(self, **kwargs: Any) -> LithopsTask[P, R]:
        """Changes parameters of the decorator."""


class LithopsMap(Protocol, Generic[T, P, R]):
    """
    A function under ``@task.lithops_map`` or ``@task.lithops_map_reduce``. Calling it makes a task that calls the
    function for each item; a tuple or dict as item gives several arguments.
    """

    @property
    def function(self) -> Callable[..., R]:
        """The function itself."""

    @overload
    def __call__(self, items: Iterable[T] | XComArg, /, *args: P.args, **kwargs: P.kwargs) -> Output: ...

    @overload
    def __call__(
        self,
        items: XComArg | Sequence[tuple[Any, ...]] | Sequence[Mapping[str, Any]] | Sequence[XComArg] | str,
        /,
        **kwargs: Any,
    ) -> Output: ...

    def partial(self, **kwargs: Any) -> LithopsMap[Any, ..., R]:
        """Gives arguments that all mapped tasks share."""

    def expand(self, **kwargs: Any) -> Output:
        """Makes a mapped task for each value. The items have the name of the function's first parameter."""

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> Output:
        """Makes a mapped task for each dict of arguments."""

    def override(self, **kwargs: Any) -> LithopsMap[T, P, R]:
        """Changes parameters of the decorator."""


class CallDecorator(Protocol):
    """What ``lithops_task(...)`` returns."""

    def __call__(self, function: Callable[P, R], /) -> LithopsTask[P, R]:
        """Decorates a function."""


class MapDecorator(Protocol):
    """What ``lithops_map(...)`` and ``lithops_map_reduce(...)`` return."""

    @overload
    def __call__(self, function: Callable[Concatenate[T, P], R], /) -> LithopsMap[T, P, R]: ...

    @overload
    def __call__(self, function: Callable[..., R], /) -> LithopsMap[Any, ..., R]: ...


@overload
def lithops_task(python_callable: Callable[P, R], /) -> LithopsTask[P, R]: ...


@overload
def lithops_task(*, multiple_outputs: bool | None = None, **kwargs: Any) -> CallDecorator: ...


def lithops_task(
    python_callable: Callable[..., Any] | None = None, multiple_outputs: bool | None = None, **kwargs: Any
) -> Any:
    """
    Has a function be called once, as a serverless call. The task returns what it returns.

    :param python_callable: the function; without one, a decorator is returned
    :param multiple_outputs: whether each value of the dict that the function returns becomes an XCom of its own; by
        default if the function says ``-> dict``, without keys or with keys that are texts
    :param kwargs: parameters of `LithopsCallAsyncOperator`, but for the function and its arguments
    :raises InvalidInputError: a parameter doesn't exist, or the function is none that can be called so
    """
    if not kwargs.get("get_result", True) or kwargs.get("async_invoke"):  # then the task returns the job's value
        multiple_outputs = bool(multiple_outputs)
    return _decorate(LithopsCallDecoratedOperator, python_callable, multiple_outputs, kwargs)


@overload
def lithops_map(python_callable: Callable[Concatenate[T, P], R], /) -> LithopsMap[T, P, R]: ...


@overload
def lithops_map(python_callable: Callable[..., R], /) -> LithopsMap[Any, ..., R]: ...


@overload
def lithops_map(**kwargs: Any) -> MapDecorator: ...


def lithops_map(
    python_callable: Callable[..., Any] | None = None, multiple_outputs: bool | None = None, **kwargs: Any
) -> Any:
    """
    Has a function be called for each item. The task returns the list of what it returns, in the order of the items.

    The decorated function is called with the items first, then with keyword arguments for all of them:
    ``double(numbers, factor=3)``.

    :param python_callable: the function; without one, a decorator is returned
    :param multiple_outputs: has to be False: a map returns a list
    :param kwargs: parameters of `LithopsMapOperator`, but for the function, its items and arguments
    :raises InvalidInputError: a parameter doesn't exist, or the function is none that can be called so
    """
    return _decorate(LithopsMapDecoratedOperator, python_callable, bool(multiple_outputs), kwargs)


def lithops_map_reduce(
    python_callable: None = None,
    *,
    reduce_function: Callable[..., Any] | None = None,
    multiple_outputs: bool | None = None,
    **kwargs: Any,
) -> MapDecorator:
    """
    Has a function be called for each item, then another once with the list of all results. The task returns what that
    one returns.

    The decorated function is called as one under `lithops_map` is; keyword arguments are the map's.

    :param python_callable: not to be given: the decorator needs its ``reduce_function``
    :param reduce_function: its first parameter gets the list of results, with ``reduce_by_key`` its first two a key and
        its values; ``extra_args_reduce`` gives it more arguments
    :param multiple_outputs: whether each value of the dict that ``reduce_function`` returns becomes an XCom of its
        own; by default if that says ``-> dict``, without keys or with keys that are texts
    :param kwargs: parameters of `LithopsMapReduceOperator`, but for the function, its items and arguments
    :raises InvalidInputError: a parameter doesn't exist, or a function is none that can be called so
    """
    if python_callable is not None or reduce_function is None:
        raise InvalidInputError("write @task.lithops_map_reduce(reduce_function=...) above the function of the map")
    extra_args, by_key = kwargs.get("extra_args_reduce"), bool(kwargs.get("reduce_by_key", False))
    check_names("@task.lithops_map_reduce", reduce_function, given_to_reduce(extra_args, by_key=by_key))
    choose_reduction(
        with_names(reduce_function), extra_args, reduce_by_key=by_key, combine_function=kwargs.get("combine_function")
    ).bind("reduce")
    if multiple_outputs is None:
        by_value = not by_key and kwargs.get("get_result", True) and not kwargs.get("async_invoke")
        multiple_outputs = bool(by_value and _returns_outputs(reduce_function))
    kwargs["reduce_function"] = reduce_function
    decorated: MapDecorator = _decorate(LithopsMapReduceDecoratedOperator, None, multiple_outputs, kwargs)
    return decorated


def _decorate(
    operator: type[LithopsDecoratedOperator],
    function: Callable[..., Any] | None,
    multiple_outputs: bool | None,
    kwargs: dict[str, Any],
) -> Any:
    name = operator.custom_operator_name

    def decorate(function: Callable[..., Any]) -> LithopsTaskDecorator:
        if not inspect.isfunction(function):
            raise InvalidInputError(
                f"{name} decorates functions, got {type(function).__name__}: {short_repr(function)}; write a function "
                f"that calls it, or give it to {operator.__mro__[-1].__name__}"
            )
        may_yield = operator.may_yield and bool(kwargs.get("reduce_by_key", False))
        bind_function(function, parameter=name, may_yield=may_yield)
        return LithopsTaskDecorator(
            function=function,
            operator_class=operator,
            multiple_outputs=_returns_outputs(function) if multiple_outputs is None else multiple_outputs,
            kwargs=dict(kwargs),
            decorator_name=name.removeprefix("@"),
        )

    operator.check_parameters(
        getattr(function, "__name__", "function"), {**kwargs, "multiple_outputs": multiple_outputs}
    )
    return decorate if function is None else decorate(function)


@attr.define(slots=False)
class LithopsTaskDecorator(_TaskDecorator):  # type: ignore[type-arg]
    """A decorated function. Checks what Airflow's would find only when the task runs."""

    def override(self, **kwargs: Any) -> Any:
        """
        Returns the decorated function with other parameters.

        :raises InvalidInputError: a parameter doesn't exist
        """
        self.operator_class.check_parameters(self.function.__name__, kwargs)
        by_reference = kwargs.get("get_result") is False or kwargs.get("async_invoke", False)
        multiple_outputs = kwargs.pop("multiple_outputs", None)
        changed = super().override(**kwargs)
        if multiple_outputs is not None or by_reference:  # Airflow's own takes no multiple_outputs
            changed.multiple_outputs = bool(multiple_outputs)
        return changed

    def expand(self, **map_kwargs: Any) -> XComArg:
        """
        Makes a mapped task for each value.

        :raises InvalidInputError: the items of a map are not among the arguments
        """
        given = {**self.kwargs.get("op_kwargs", {}), **map_kwargs}
        self.operator_class.check_expand(self.function, given)
        operator = self.operator_class
        check_names(operator.custom_operator_name, self.function, operator.given(self.function, (), given))
        return super().expand(**map_kwargs)


def _returns_outputs(function: Callable[..., Any]) -> bool:
    """
    Tells whether a function says that it returns a dict whose values can be XComs of their own. As for Airflow, only
    the return type has to be known. Unlike Airflow, it looks at the type of the keys: if they are no texts, Airflow
    fails the task once the results are there.
    """
    annotation = getattr(function, "__annotations__", {}).get("return")

    def known() -> None: ...

    known.__annotations__ = {"return": annotation}
    try:
        hint = typing.get_type_hints(known, getattr(function, "__globals__", {})).get("return")
    except (NameError, TypeError):
        return False
    kind = typing.get_origin(hint) or hint
    if not (isinstance(kind, type) and issubclass(kind, Mapping)):
        return False
    return all(_may_be_text(key) for key in typing.get_args(hint)[:1])


def _may_be_text(key: Any) -> bool:
    """Tells whether the keys of a dict are texts, by their type."""
    if typing.get_origin(key) is typing.Literal:
        return all(isinstance(value, str) for value in typing.get_args(key))
    if typing.get_origin(key) is not None:
        return False
    return key is Any or isinstance(key, typing.TypeVar) or (isinstance(key, type) and issubclass(key, str))
