"""Values for parameters that neither items nor their shared arguments give, such as those of Airflow's context."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: Name of the parameter, how many positional arguments come before it (None if it is given by name only), its value.
Default = tuple[str, int | None, Any]


@dataclass(frozen=True)
class WithDefaults:
    """
    A function, and values for those of its parameters that nobody gives. May be given wherever a function is bound.

    :param function: the user's function
    :param values: values by names of parameters; others are for its ``**keywords``
    """

    function: Callable[..., Any]
    values: Mapping[str, Any]


def unwrap(function: Any) -> Any:
    """Returns the function itself of one that has defaults."""
    return function.function if isinstance(function, WithDefaults) else function


def place_defaults(values: Mapping[str, Any], signature: inspect.Signature) -> tuple[Default, ...]:
    """
    Returns values with the places of their parameters.

    :param values: by name
    :param signature: the function's, without the parameters that are filled in
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [name for name, parameter in signature.parameters.items() if parameter.kind in kinds]
    return tuple((name, positional.index(name) if name in positional else None, values[name]) for name in values)
