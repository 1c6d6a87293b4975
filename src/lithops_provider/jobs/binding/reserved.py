"""
Finds the parameters of a function that Lithops fills in by their names, and those behind them that can't be given by
position any more. function.py calls this for each function that it binds.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

#: Names that Lithops fills in itself (lithops.utils._INJECTED_ARGS), and words for what with. Beside them there is
#: ``obj``, which is filled with the object that the item names.
FILLED_WITH = {
    "id": "the item's index",
    "storage": "a lithops.Storage",
    "ibm_cos": "a client of IBM COS",
    "rabbitmq": "a connection to RabbitMQ",
}
INJECTED = tuple(FILLED_WITH)

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Barrier(NamedTuple):
    """
    A reserved parameter with optional parameters behind it. An optional one must not be given by position, since the
    user may have counted the reserved one: for ``fetch(id, timeout=10)`` the item 101 is meant as ``id``, but would
    become ``timeout``.

    :param after: how many positional arguments fit before the first of the optional ones
    :param name: the reserved parameter
    :param optional: the first of the optional ones
    """

    after: int
    name: str
    optional: str

    def problem(self) -> str:
        """Returns why an argument may not be given by position behind the reserved parameter, and what to do."""
        return (
            f"an argument by position would become {self.optional!r}, past the parameter {self.name!r}, which Lithops "
            f"fills in with {FILLED_WITH[self.name]}; rename {self.name!r}, put it last as a keyword-only parameter "
            f"(*, {self.name}), or give items as dicts, in which a given {self.name!r} wins"
        )


def filled_in(signature: inspect.Signature, given: Collection[str] = ()) -> tuple[str, ...]:
    """
    Returns the names of a function's parameters that are filled in, also ``obj``.

    :param signature: the function's signature
    :param given: parameters that have a value already, as those of a partial
    """
    found = {
        name
        for name, parameter in signature.parameters.items()
        if name in (*INJECTED, "obj")
        and name not in given
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    return tuple(name for name in (*INJECTED, "obj") if name in found)


def places_of(signature: inspect.Signature, filled: Collection[str]) -> tuple[tuple[str, int], ...]:
    """Returns the positional parameters that are filled in, and how many parameters come before each."""
    positional = [name for name, parameter in signature.parameters.items() if parameter.kind in _POSITIONAL]
    return tuple((name, place) for place, name in enumerate(positional) if name in filled)


def find_barrier(
    signature: inspect.Signature, filled: Collection[str], defaults: Collection[str] = ()
) -> Barrier | None:
    """
    Returns the reserved parameter that positional arguments must not pass, if there is one.

    :param signature: the function's signature
    :param filled: its parameters that are filled in
    :param defaults: parameters that count as optional though the signature has no default for them
    """
    reserved: str | None = None
    before = 0
    for name, parameter in signature.parameters.items():
        if parameter.kind not in (*_POSITIONAL, parameter.VAR_POSITIONAL):
            break
        if name in filled:
            reserved = name if name in INJECTED else reserved
            continue
        has_default = parameter.default is not parameter.empty or name in defaults
        if (parameter.kind is parameter.VAR_POSITIONAL or has_default) and reserved is not None:
            shown = f"*{name}" if parameter.kind is parameter.VAR_POSITIONAL else name
            return Barrier(before, reserved, shown)
        before += 1
    return None


class _Mark:
    """An annotation whose repr is plain text, so that a signature can say what a parameter is filled with."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def show_signature(signature: inspect.Signature, filled: Collection[str]) -> str:
    """Returns a signature as text, with words for what each filled-in parameter is filled with."""
    marks = {**FILLED_WITH, "obj": "the object that the item names"}
    return str(
        signature.replace(
            parameters=[
                parameter.replace(annotation=_Mark(f"<filled in: {marks[name]}>")) if name in filled else parameter
                for name, parameter in signature.parameters.items()
            ]
        )
    )


def without(signature: inspect.Signature, names: Collection[str]) -> inspect.Signature:
    """Returns a signature without some of its parameters."""
    kept = [parameter for name, parameter in signature.parameters.items() if name not in names]
    return signature.replace(parameters=kept)


def keywords_left(kwargs: Mapping[str, Any], filled: Collection[str]) -> Mapping[str, Any]:
    """
    Returns the keyword arguments that a signature without its filled-in parameters has to take. An item may give such a
    parameter by name, and its value then wins, but that signature doesn't have it.
    """
    return {name: value for name, value in kwargs.items() if name not in filled} if filled else kwargs
