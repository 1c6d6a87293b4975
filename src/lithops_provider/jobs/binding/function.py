"""
Binds items to a function's parameters, as Python does in a call. An item that doesn't fit raises an error here, before
anything is sent, and not where the function runs. The operators call `bind_call`, `bind_arguments` and `bind_items`;
`inputs/` binds with `bind_function`.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lithops_provider.jobs.binding import reserved
from lithops_provider.jobs.binding.defaults import Default, WithDefaults, place_defaults, unwrap
from lithops_provider.jobs.binding.drivers import Driver
from lithops_provider.jobs.binding.items import MAX_ITEMS, BoundItems, Item, item_arguments, keyword, spread
from lithops_provider.jobs.binding.reserved import INJECTED, Barrier
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.text import function_name, looks_like_path, short_repr


@dataclass(frozen=True)
class Binding:
    """
    A function, with the arguments that all its items share and what is known of its parameters. "Filled in" are the
    parameters that get their value where the function runs: Lithops's reserved names and ``obj``, see reserved.py.

    :param function: the user's function
    :param name: its name, for messages
    :param args: positional arguments that come after the item's own
    :param kwargs: keyword arguments
    :param injected: the reserved names that the function takes
    :param takes_object: whether it has a parameter ``obj``
    :param signature: without the parameters that are filled in; None if the function's signature can't be read
    :param places: the positional parameters that are filled in, and how many parameters come before each
    :param barrier: the reserved parameter that positional arguments must not pass
    :param defaults: values for parameters that neither an item nor the shared arguments give
    """

    function: Callable[..., Any]
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    injected: tuple[str, ...]
    takes_object: bool
    signature: inspect.Signature | None
    places: tuple[tuple[str, int], ...] = ()
    barrier: Barrier | None = None
    defaults: tuple[Default, ...] = ()

    @property
    def plain_function(self) -> Callable[..., Any]:
        """The user's function, also if one of ours calls it."""
        first = self.function.functions[0] if isinstance(self.function, Driver) else None
        return first or self.function

    def check(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], where: str) -> None:
        """
        Checks that the function takes these arguments together with the shared ones.

        :param args: positional arguments of an item
        :param kwargs: keyword arguments of the item
        :param where: words for the item, for the message
        :raises InvalidInputError: the function doesn't take them
        """
        twice = sorted(set(kwargs) & set(self.kwargs))
        if twice:
            raise InvalidInputError(
                f"{where} and extra_args both give the parameter {twice[0]!r} of {self.shown()}; give it once"
            )
        if self.signature is None:
            return
        named = {**kwargs, **self.kwargs}
        count = len(args) + len(self.args)
        left = {name: value for name, place, value in self.defaults if place is None or place >= count}
        try:
            self.signature.bind(*args, *self.args, **{**left, **reserved.keywords_left(named, self.injected)})
        except TypeError as error:
            raise InvalidInputError(
                f"{where} does not fit {self.shown()}: {error}{_hint(self.signature, args, kwargs)}"
            ) from None
        self.check_positions(count, named, where)

    def check_positions(self, count: int, kwargs: Mapping[str, Any], where: str) -> None:
        """
        Checks that positional arguments don't reach beyond the reserved parameter that is their barrier.

        :param count: how many positional arguments there are
        :param kwargs: the keyword arguments; one that gives the reserved parameter lifts the barrier
        :param where: words for the item, for the message
        :raises InvalidInputError: they reach beyond it
        """
        if self.barrier is not None and count > self.barrier.after and self.barrier.name not in kwargs:
            raise InvalidInputError(f"{where} does not fit {self.shown()}: {self.barrier.problem()}")

    def check_item(self, element: Any, index: int, argument: str | None = None) -> Item:
        """
        Returns the arguments that an item of a map stands for, once it is checked that the function takes them.

        :param element: the item
        :param index: its index, for the message
        :param argument: if given, the item becomes this keyword argument, whatever its type
        :raises InvalidInputError: the function doesn't take it
        """
        where = f"item {index}, {short_repr(element)},"
        args, kwargs = item_arguments(self.signature, element, index, argument)
        try:
            self.check(args, kwargs, where)
        except InvalidInputError as error:
            if argument is None and isinstance(element, list) and self._fits(tuple(element)):
                raise InvalidInputError(
                    f"{error}; a list is a single argument: to give several, make the item a tuple, {where[:-1]} as "
                    f"{short_repr(tuple(element))}"
                ) from None
            raise
        return args, kwargs

    def check_shared(self, kwargs: Mapping[str, Any], where: str) -> None:
        """
        Checks the names of keyword arguments that items share, before there are items.

        :param where: what they belong to, for the message
        :raises InvalidInputError: the function has no such parameter
        """
        try:
            if self.signature is not None:
                self.signature.bind_partial(**reserved.keywords_left(kwargs, self.injected))
        except TypeError as error:
            raise InvalidInputError(f"{where} does not fit {self.shown()}: {error}") from None

    def items_parameter(self) -> str | None:
        """
        Returns the name of the parameter that gets an item which is neither a tuple nor a dict; None if there is no
        such parameter, or its argument can't be given by name.
        """
        if self.takes_object or self.signature is None:
            return "obj" if self.takes_object else None
        if self.barrier is not None and self.barrier.after == 0:
            return None
        first = next(iter(self.signature.parameters.values()), None)
        named = first is not None and first.kind not in (first.VAR_POSITIONAL, first.VAR_KEYWORD)
        return first.name if first is not None and named else None

    def with_object(self) -> Binding:
        """Returns this binding with ``obj`` as an ordinary parameter, to bind items that give the path for it."""
        if not self.takes_object:
            return self
        full = inspect.signature(self.function)
        signature = reserved.without(full, self.injected)
        values = {name: value for name, _, value in self.defaults}
        return dataclasses.replace(
            self,
            signature=signature,
            barrier=reserved.find_barrier(full, self.injected, values),
            defaults=place_defaults(values, signature),
        )

    def bind_by_name(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], where: str) -> dict[str, Any]:
        """
        Returns the arguments of a call by the names of their parameters. Arguments may be missing.

        :param args: positional arguments
        :param kwargs: keyword arguments
        :param where: words for the item, for the message
        :raises InvalidInputError: the function doesn't take one of them
        """
        signature = self.signature
        assert signature is not None
        try:
            bound = signature.bind_partial(*args, **reserved.keywords_left(kwargs, self.injected)).arguments
        except TypeError as error:
            raise InvalidInputError(f"{where} does not fit {self.shown()}: {error}") from None
        self.check_positions(len(args), kwargs, where)
        named = {name: value for name, value in kwargs.items() if name in self.injected}
        for name, value in bound.items():
            kind = signature.parameters[name].kind
            named.update(value if kind is inspect.Parameter.VAR_KEYWORD else {name: value})
        return named

    def shown(self) -> str:
        """Returns the function's name and signature, with words for what each filled-in parameter is filled with."""
        if self.signature is None:
            return f"{self.name}(...)"
        filled = (*self.injected, *(("obj",) if self.takes_object else ()))
        return f"{self.name}{reserved.show_signature(inspect.signature(self.function), filled)}"

    def injection(
        self,
    ) -> tuple[tuple[str, ...], tuple[tuple[str, int], ...], tuple[int, str] | None, tuple[Default, ...]]:
        """Returns the arguments with which `lithops_provider.jobs.remote.injection.Injection` is made."""
        barrier = self.barrier
        limit = None if barrier is None else (barrier.after, barrier.problem())
        return self.injected, self.places, limit, self.defaults

    def _fits(self, args: tuple[Any, ...]) -> bool:
        try:
            self.check(args, {}, "")
        except InvalidInputError:
            return False
        return True


def _hint(signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Returns in words what may have been meant by arguments that don't fit; nothing if that isn't clear."""
    if kwargs and len(signature.parameters) == 1:
        return "; a dict gives keyword arguments: to pass the dict itself, make it a tuple of one, (item,)"
    if len(args) == 1 and isinstance(args[0], str) and looks_like_path(args[0]):
        return "; if it is a path in storage, name the parameter that takes it 'obj'"
    return ""


def is_task_decorator(value: Any) -> bool:
    """Tells whether a value is a function under one of Airflow's decorators (airflow.sdk.bases.decorator)."""
    return bool(getattr(type(value), "_airflow_is_task_decorator", False))


def plain_function(function: Any) -> Any:
    """
    Returns the function under one of Airflow's task decorators, and any other function as it is.

    :param function: a function; of a partial of a decorated one, a partial of the plain one is returned
    """
    if isinstance(function, functools.partial) and is_task_decorator(function.func):
        return functools.partial(plain_function(function.func), *function.args, **function.keywords)
    return function.function if is_task_decorator(function) else function


def bind_function(
    function: Any, extra_args: Any = None, *, parameter: str = "function", may_yield: bool = False
) -> Binding:
    """
    Checks a function, and binds the arguments that all its items share.

    :param function: plain, partial, lambda, bound method or callable object, or one of these in a `WithDefaults`
    :param extra_args: a dict of keyword arguments, or a list or tuple of positional ones, for every call
    :param parameter: the name under which the user gave the function, for messages
    :param may_yield: whether it may be a generator function
    :raises InvalidInputError: it can't be called, it is a generator or async function, or ``extra_args`` is wrong
    """
    given_function, function = function, unwrap(function)
    if not callable(function):
        raise InvalidInputError(
            f"{parameter} must be a function, got {type(function).__name__}: {short_repr(function)}"
        )
    function = plain_function(function)
    name = function_name(function)
    target = function.func if isinstance(function, functools.partial) else function
    called = (target, getattr(type(target), "__call__", None))  # noqa: B004 - the method itself is wanted
    if any(
        (inspect.isgeneratorfunction(entry) and not may_yield) or inspect.isasyncgenfunction(entry) for entry in called
    ):
        raise InvalidInputError(
            f"{parameter}: {name} is a generator function; its items can't leave the process it runs in. "
            "Return a list instead, or yield pairs of key and value with reduce_by_key=True"
        )
    if any(inspect.iscoroutinefunction(entry) for entry in called):
        raise InvalidInputError(
            f"{parameter}: {name} is an async function; write a plain one that calls asyncio.run(...)"
        )
    args, kwargs = _as_arguments(extra_args, "extra_args")
    try:
        full = inspect.signature(function)
    except (TypeError, ValueError):  # some builtins have no signature: their call itself will find what doesn't fit
        return Binding(function, name, args, kwargs, (), False, None)
    given = function.keywords if isinstance(function, functools.partial) else ()
    filled = reserved.filled_in(full, given)
    signature = reserved.without(full, filled)
    values = given_function.values if isinstance(given_function, WithDefaults) else {}
    return Binding(
        function=function,
        name=name,
        args=args,
        kwargs=kwargs,
        injected=tuple(key for key in INJECTED if key in filled),
        takes_object="obj" in filled,
        signature=signature,
        places=reserved.places_of(full, filled),
        barrier=reserved.find_barrier(full, filled, values),
        defaults=place_defaults(values, signature),
    )


def _as_arguments(extra: Any, parameter: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if extra is None:
        return (), {}
    if isinstance(extra, Mapping):
        return (), {keyword(key, parameter): value for key, value in extra.items()}
    if isinstance(extra, (list, tuple)):
        return tuple(extra), {}
    raise InvalidInputError(
        f"{parameter} must be a dict of keyword arguments or a list or tuple of positional ones, "
        f"got {type(extra).__name__}: {short_repr(extra)}"
    )


def bind_call(function: Any, data: Any = (), *, parameter: str = "func") -> tuple[Binding, list[Item]]:
    """
    Binds the arguments of a single call.

    :param function: the user's function
    :param data: a dict of keyword arguments, a list or tuple of positional ones, or anything else as the only argument.
        As in Lithops, None is an argument, too, unless the function has no parameter that could take it
    :param parameter: the name under which the user gave the function, for messages
    :raises InvalidInputError: the function doesn't take them
    """
    binding = bind_function(function, parameter=parameter)
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    if isinstance(data, Mapping):
        args, kwargs = spread(binding.signature, _as_arguments(data, "data")[1], "data")
    elif isinstance(data, (list, tuple)):
        args = tuple(data)
    elif data is not None or binding.signature is None or binding.signature.parameters:
        args = (data,)
    binding.check(args, kwargs, "data")
    return binding, [(args, kwargs)]


def bind_arguments(
    function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], *, parameter: str = "func"
) -> tuple[Binding, list[Item]]:
    """
    Binds the arguments of a single call that are given as in Python: ``*args`` and ``**kwargs``.

    :param function: the user's function
    :param args: positional arguments
    :param kwargs: keyword arguments; ``obj`` may be among them
    :param parameter: the name under which the user gave the function, for messages
    :raises InvalidInputError: the function doesn't take them
    """
    binding = bind_function(function, parameter=parameter)
    binding.with_object().check(tuple(args), kwargs, f"the call of {binding.name}")
    return binding, [(tuple(args), dict(kwargs))]


def bind_items(
    function: Any,
    iterdata: Any,
    extra_args: Any = None,
    *,
    argument: str | None = None,
    parameter: str = "map_function",
    max_items: int = MAX_ITEMS,
) -> tuple[Binding, BoundItems]:
    """
    Binds the items of a map.

    A tuple gives positional arguments, a dict keyword arguments (see `spread` for both), anything else the first
    argument, as in Lithops.

    :param function: the user's function
    :param iterdata: the items: any iterable, a generator too. A str, bytes or dict is one item, as in Lithops.
    :param extra_args: see `bind_function`
    :param argument: if given, each item becomes this keyword argument, whatever its type
    :param parameter: the name under which the user gave the function, for messages
    :param max_items: how many there may be
    :returns: the binding, and the items, which can be iterated over once. The iteration raises InvalidInputError if the
        function doesn't take an item, with a message that names the item and the parameter, or if there are too many
    :raises InvalidInputError: the function can't be called, or ``iterdata`` can't be iterated over
    """
    binding = bind_function(function, extra_args, parameter=parameter)

    def check(element: Any, index: int) -> None:
        binding.check_item(element, index, argument)

    return binding, BoundItems(iterdata, binding.signature, check, argument, max_items)


def split_evenly(count: int, parts: int) -> list[range]:
    """
    Splits ``range(count)`` into consecutive ranges whose lengths differ by one at most.

    :param count: number of items
    :param parts: number of ranges, at most ``count``
    """
    bounds = [count * number // parts for number in range(parts + 1)]
    return [range(low, high) for low, high in itertools.pairwise(bounds)]


def chunked(indices: Sequence[int], parts: int) -> list[Sequence[int]]:
    """
    Splits indices into consecutive pieces whose lengths differ by one at most.

    :param indices: the indices
    :param parts: number of pieces
    """
    return [indices[piece.start : piece.stop] for piece in split_evenly(len(indices), parts)]
