"""Values for parameters that neither items nor their shared arguments give, such as those of Airflow's context."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: Name of the parameter, how many positional arguments come before it (None if it is given by name only), its value.
Default = tuple[str, int | None, Any]


@dataclass(frozen=True)
class WithDefaults:
    """
    A function, and values for those of its parameters that nobody gives. May be given wherever a function is bound.

    :param function: the user's function
    :param values: values by names of parameters
    :param keywords: more values, for the function's ``**keywords``
    """

    function: Callable[..., Any]
    values: Mapping[str, Any]
    keywords: Mapping[str, Any] = field(default_factory=dict)

    def placed(self, signature: inspect.Signature) -> tuple[Default, ...]:
        """
        Returns the values with the places of their parameters.

        :param signature: the function's, without the parameters that are filled in
        """
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        places = [name for name, parameter in signature.parameters.items() if parameter.kind in positional]
        named = [
            (name, places.index(name) if name in places else None, value)
            for name, value in self.values.items()
            if name in signature.parameters
        ]
        return (*named, *((name, None, value) for name, value in self.keywords.items()))


def unwrap(function: Any) -> Any:
    """Returns the function itself of one that has defaults."""
    return function.function if isinstance(function, WithDefaults) else function
