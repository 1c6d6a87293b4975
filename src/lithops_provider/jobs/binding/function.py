"""Binds items to a function's parameters before anything is sent, so that what doesn't fit is found here."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import itertools
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lithops_provider.jobs.errors import InvalidInputError

#: Names that Lithops fills in itself (lithops.utils._INJECTED_ARGS); ``obj`` is filled from the item.
INJECTED = ("id", "storage", "ibm_cos", "rabbitmq")

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

Item = tuple[tuple[Any, ...], dict[str, Any]]

#: The keyword arguments of items that have none: one for all, since 100,000 dicts are 6 MB.
_NOTHING: dict[str, Any] = {}


@dataclass(frozen=True)
class Binding:
    """
    A function with what all its items share.

    :param function: the user's function
    :param name: its name, for messages
    :param args: positional arguments that come after the item's own
    :param kwargs: keyword arguments
    :param injected: the reserved names that the function takes
    :param takes_object: whether it has a parameter ``obj``
    :param signature: without what is filled in; None if the function has none that can be read
    :param places: the positional parameters that are filled in, and how many come before each
    """

    function: Callable[..., Any]
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    injected: tuple[str, ...]
    takes_object: bool
    signature: inspect.Signature | None
    places: tuple[tuple[str, int], ...] = ()

    def check(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], where: str) -> None:
        """
        Checks that the function takes these arguments beside the shared ones.

        :param where: what they belong to, for the message
        :raises InvalidInputError: it doesn't
        """
        for name in self.injected:
            if name in kwargs:
                raise InvalidInputError(
                    f"{where} gives the parameter {name!r} of {self.name}{self._shown()}, which Lithops fills in itself"
                    f"{' with the index of the item' if name == 'id' else ''}; rename the parameter"
                )
        twice = sorted(set(kwargs) & set(self.kwargs))
        if twice:
            raise InvalidInputError(
                f"{where} and extra_args both give the parameter {twice[0]!r} of {self.name}{self._shown()}; "
                "give it once"
            )
        if self.signature is None:
            return
        try:
            self.signature.bind(*args, *self.args, **kwargs, **self.kwargs)
        except TypeError as error:
            raise InvalidInputError(
                f"{where} does not fit {self.name}{self._shown()}: {error}{self._hint(kwargs)}"
            ) from None

    def check_item(self, element: Any, index: int) -> None:
        """
        Checks that the function takes an item of a map.

        :raises InvalidInputError: it doesn't
        """
        self.check(*item_arguments(element, index), where=f"item {index}, {short_repr(element)},")

    def check_shared(self, kwargs: Mapping[str, Any], where: str) -> None:
        """
        Checks the names of keyword arguments that items share, before there are items.

        :param where: what they belong to, for the message
        :raises InvalidInputError: the function has no such parameter, or it is filled in
        """
        binding = dataclasses.replace(self, signature=None)
        binding.check((), kwargs, where)
        try:
            if self.signature is not None:
                self.signature.bind_partial(**kwargs)
        except TypeError as error:
            raise InvalidInputError(f"{where} does not fit {self.name}{self._shown()}: {error}") from None

    def items_parameter(self) -> str | None:
        """Returns the parameter that an item becomes which is no tuple and no dict; None if it has no name."""
        if self.takes_object or self.signature is None:
            return "obj" if self.takes_object else None
        first = next(iter(self.signature.parameters.values()), None)
        named = first is not None and first.kind not in (first.VAR_POSITIONAL, first.VAR_KEYWORD)
        return first.name if first is not None and named else None

    def _shown(self) -> str:
        return str(self.signature) if self.signature is not None else "(...)"

    def _hint(self, kwargs: Mapping[str, Any]) -> str:
        if kwargs and self.signature is not None and len(self.signature.parameters) == 1:
            return "; a dict gives keyword arguments: to pass the dict itself, make it a tuple of one, (item,)"
        return ""


class _ShortRepr(reprlib.Repr):
    """Shows a value without spelling it out first: an item may be 100 MB, and its own repr may fail."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxstring = self.maxother = self.maxlong = 100
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = 20

    def repr_bytes(self, value: bytes, level: int) -> str:
        text = repr(value[: self.maxstring])
        return text if len(value) <= self.maxstring else f"{text[:-1]}...'"

    repr_bytearray = repr_bytes


_SHORT = _ShortRepr()


def short_repr(value: object, limit: int = 100) -> str:
    """
    Returns a value's repr, shortened. Never fails.

    :param value: anything
    :param limit: characters
    """
    try:
        text = _SHORT.repr(value)
    except Exception as error:
        text = f"<{type(value).__name__} that can't be shown: {error!r}>"
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def function_name(function: Callable[..., Any]) -> str:
    """Returns a name for messages; a partial has its function's, a callable object its class's."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__name__", None) or type(function).__name__


def is_task_decorator(value: Any) -> bool:
    """Tells whether a value is a function under one of Airflow's decorators (airflow.sdk.bases.decorator)."""
    return bool(getattr(type(value), "_airflow_is_task_decorator", False))


def _plain_function(function: Any) -> Any:
    """Returns the function itself of one that is decorated as a task."""
    if isinstance(function, functools.partial) and is_task_decorator(function.func):
        return functools.partial(_plain_function(function.func), *function.args, **function.keywords)
    return function.function if is_task_decorator(function) else function


def bind_function(function: Any, extra_args: Any = None, *, parameter: str = "function") -> Binding:
    """
    Checks a function and binds what all items share.

    :param function: plain, partial, lambda, bound method or callable object
    :param extra_args: a dict of keyword arguments, or a list or tuple of positional ones, for every call
    :param parameter: the name under which the user gave the function, for messages
    :raises InvalidInputError: it can't be called, or not in this way
    """
    if not callable(function):
        raise InvalidInputError(
            f"{parameter} must be a function, got {type(function).__name__}: {short_repr(function)}"
        )
    function = _plain_function(function)
    name = function_name(function)
    target = function.func if isinstance(function, functools.partial) else function
    called = (target, getattr(type(target), "__call__", None))  # noqa: B004 - the method itself is wanted
    if any(inspect.isgeneratorfunction(entry) or inspect.isasyncgenfunction(entry) for entry in called):
        raise InvalidInputError(
            f"{parameter}: {name} is a generator function; its items can't leave the process it runs in. "
            "Return a list instead"
        )
    if any(inspect.iscoroutinefunction(entry) for entry in called):
        raise InvalidInputError(
            f"{parameter}: {name} is an async function; write a plain one that calls asyncio.run(...)"
        )
    args, kwargs = _as_arguments(extra_args, "extra_args")
    try:
        full = inspect.signature(function)
    except (TypeError, ValueError):  # some builtins have none: then Python itself checks, in the function
        return Binding(function, name, args, kwargs, (), False, None)
    filled = {
        key for key in (*INJECTED, "obj") if key in full.parameters and not _positional_only(full.parameters[key])
    }
    positional = [key for key, entry in full.parameters.items() if entry.kind in _POSITIONAL]
    return Binding(
        function=function,
        name=name,
        args=args,
        kwargs=kwargs,
        injected=tuple(key for key in INJECTED if key in filled),
        takes_object="obj" in filled,
        signature=full.replace(parameters=[entry for key, entry in full.parameters.items() if key not in filled]),
        places=tuple((key, place) for place, key in enumerate(positional) if key in filled),
    )


def _positional_only(parameter: inspect.Parameter) -> bool:
    return parameter.kind is inspect.Parameter.POSITIONAL_ONLY


def _as_arguments(extra: Any, parameter: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if extra is None:
        return (), {}
    if isinstance(extra, Mapping):
        return (), {_keyword(key, parameter): value for key, value in extra.items()}
    if isinstance(extra, (list, tuple)):
        return tuple(extra), {}
    raise InvalidInputError(
        f"{parameter} must be a dict of keyword arguments or a list or tuple of positional ones, "
        f"got {type(extra).__name__}: {short_repr(extra)}"
    )


def _keyword(key: object, parameter: str) -> str:
    if not isinstance(key, str):
        raise InvalidInputError(f"{parameter}: the names of keyword arguments are str, got {key!r}")
    return key


def bind_call(function: Any, data: Any = None, *, parameter: str = "func") -> tuple[Binding, list[Item]]:
    """
    Binds the arguments of a single call.

    :param function: the user's function
    :param data: a dict of keyword arguments, a list or tuple of positional ones, or any other single argument
    :param parameter: the name under which the user gave the function, for messages
    :raises InvalidInputError: the function doesn't take them
    """
    binding = bind_function(function, parameter=parameter)
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    if data is None:
        pass
    elif isinstance(data, (Mapping, list, tuple)):
        args, kwargs = _as_arguments(data, "data")
    else:
        args = (data,)
    binding.check(args, kwargs, "data")
    return binding, [(args, kwargs)]


def bind_arguments(
    function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], *, parameter: str = "func"
) -> tuple[Binding, list[Item]]:
    """
    Binds the arguments of a single call that are given as in Python.

    :param function: the user's function
    :param args: positional arguments
    :param kwargs: keyword arguments; ``obj`` may be among them
    :param parameter: the name under which the user gave the function, for messages
    :raises InvalidInputError: the function doesn't take them
    """
    binding = bind_function(function, parameter=parameter)
    with_object = binding if not binding.takes_object else dataclasses.replace(binding, signature=_with_object(binding))
    with_object.check(tuple(args), kwargs, f"the call of {binding.name}")
    return binding, [(tuple(args), dict(kwargs))]


def by_name(binding: Binding, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """
    Returns the arguments of a call whose function takes an ``obj``, each by its name.

    :param binding: the function, which takes the arguments
    :param args: positional arguments
    :param kwargs: keyword arguments
    """
    named: dict[str, Any] = {}
    signature = _with_object(binding)
    for name, value in signature.bind(*args, **kwargs).arguments.items():
        kind = signature.parameters[name].kind
        named.update(value if kind is inspect.Parameter.VAR_KEYWORD else {name: value})
    return named


def _with_object(binding: Binding) -> inspect.Signature:
    full = inspect.signature(binding.function)
    return full.replace(parameters=[entry for key, entry in full.parameters.items() if key not in binding.injected])


def bind_items(
    function: Any,
    iterdata: Any,
    extra_args: Any = None,
    *,
    argument: str | None = None,
    parameter: str = "map_function",
) -> tuple[Binding, list[Item]]:
    """
    Binds every item of a map.

    A tuple gives positional arguments, a dict keyword arguments, anything else the first argument, as in Lithops.

    :param function: the user's function
    :param iterdata: the items: any iterable, a generator too. A str, bytes or dict is one item, as in Lithops.
    :param extra_args: see `bind_function`
    :param argument: if given, each item becomes this keyword argument, whatever its type
    :param parameter: the name under which the user gave the function, for messages
    :raises InvalidInputError: the function doesn't take an item; the message names the item and the parameter
    """
    binding = bind_function(function, extra_args, parameter=parameter)
    items: list[Item] = []
    shapes: set[object] = set()
    for index, element in enumerate(as_items(iterdata)):
        args, kwargs = item_arguments(element, index, argument)
        shape = tuple(kwargs) if kwargs else len(args)
        if shape not in shapes:  # items of one shape fit alike: 100,000 of them are checked once
            binding.check(args, kwargs, f"item {index}, {short_repr(element)},")
            shapes.add(shape)
        items.append((args, kwargs))
    return binding, items


def item_arguments(element: Any, index: int, argument: str | None = None) -> Item:
    """
    Returns the arguments that an item of a map stands for.

    :param element: the item
    :param index: its index, for messages
    :param argument: if given, it becomes this keyword argument, whatever its type
    :raises InvalidInputError: it is a dict with names that are no str
    """
    if argument is not None:
        return (), {argument: element}
    if isinstance(element, tuple):
        return tuple(element), _NOTHING
    if isinstance(element, dict):
        return (), {_keyword(key, f"item {index}"): value for key, value in element.items()}
    return (element,), _NOTHING


def as_items(iterdata: Any) -> Iterable[Any]:
    """
    Returns the items of what the user gave as iterable.

    :raises InvalidInputError: it isn't one
    """
    if isinstance(iterdata, (str, bytes, bytearray, Mapping)):
        return [iterdata]
    if hasattr(iterdata, "itertuples"):
        raise InvalidInputError(
            "map_iterdata is a DataFrame, whose iteration gives the names of its columns; "
            "pass .to_dict('records') for keyword arguments or list(.itertuples(index=False, name=None))"
        )
    try:
        items: Iterable[Any] = iter(iterdata)
    except TypeError:
        raise InvalidInputError(
            f"map_iterdata must be an iterable, got {type(iterdata).__name__}: {short_repr(iterdata)}"
        ) from None
    return items


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
