"""
Values for parameters that neither an item nor ``extra_args`` gives, such as the variables of Airflow's context. The
decorators wrap a function in `WithDefaults`, and function.py binds it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: Name of a parameter; how many positional arguments come before it (None if it can be given by name only); its value.
Default = tuple[str, int | None, Any]


@dataclass(frozen=True)
class WithDefaults:
    """
    A function with values for those of its parameters that nothing else gives. The functions of function.py take it in
    the place of a plain function.

    :param function: the user's function
    :param values: values by parameter; names that aren't parameters are for the function's ``**keywords``
    """

    function: Callable[..., Any]
    values: Mapping[str, Any]


def unwrap(function: Any) -> Any:
    """Returns the function in a `WithDefaults`, and anything else as it is."""
    return function.function if isinstance(function, WithDefaults) else function


def place_defaults(values: Mapping[str, Any], signature: inspect.Signature) -> tuple[Default, ...]:
    """
    Returns the values, each with the position of its parameter.

    :param values: values by the names of their parameters
    :param signature: the function's signature, without the parameters that Lithops fills in
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [name for name, parameter in signature.parameters.items() if parameter.kind in kinds]
    return tuple((name, positional.index(name) if name in positional else None, values[name]) for name in values)
