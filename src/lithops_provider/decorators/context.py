"""
Gives decorated functions the variables of Airflow's context that they ask for by the names of their parameters.
Variables that are plain data are sent to where the function runs; a function that asks for another one is refused with
an error. The decorators and their operators call this.
"""

from __future__ import annotations

import datetime
import enum
import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from types import NoneType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk.definitions.context import KNOWN_CONTEXT_KEYS

from lithops_provider.jobs.binding.defaults import WithDefaults, unwrap
from lithops_provider.jobs.binding.reserved import INJECTED
from lithops_provider.jobs.errors import InvalidInputError

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

#: Plain data that Airflow gets from its API server when it is read. A function gets it for a parameter of that name,
#: but not in its ``**context``, which would cost a request for each.
_ASKED_FOR = frozenset(
    {
        "prev_data_interval_end_success",
        "prev_data_interval_start_success",
        "prev_end_date_success",
        "prev_start_date_success",
    }
)
#: Variables that are plain data. All others work in Airflow's worker only: they send requests to Airflow when they are
#: used, or hold secrets.
PLAIN = frozenset(
    {
        *_ASKED_FOR,
        "dag_run",
        "data_interval_end",
        "data_interval_start",
        "ds",
        "ds_nodash",
        "expanded_ti_count",
        "logical_date",
        "map_index_template",
        "params",
        "partition_date",
        "partition_key",
        "run_id",
        "task_instance_key_str",
        "task_reschedule_count",
        "test_mode",
        "try_number",
        "ts",
        "ts_nodash",
        "ts_nodash_with_tz",
    }
)
#: The name that a ``**`` parameter has to have to get the variables. Others are the function's own, which may be
#: anybody's: `collections.Counter` would count what it gets.
_KEYWORDS = "context"
#: The fields of ``dag_run`` that a function gets.
_DAG_RUN_FIELDS = (
    "dag_id",
    "run_id",
    "run_type",
    "logical_date",
    "data_interval_start",
    "data_interval_end",
    "run_after",
    "start_date",
    "conf",
    "partition_key",
    "triggering_user_name",
)


class Given(NamedTuple):
    """
    The arguments that a call and its items give to a function.

    :param positional: how many are positional
    :param names: the names of the keyword arguments
    """

    positional: int
    names: Collection[str]


def given_to_reduce(extra_args: Mapping[str, Any] | Sequence[Any] | None, *, by_key: bool = False) -> Given:
    """
    Returns the arguments that a reduce function is given: the list of results, or a key and its values; and more.

    :param extra_args: the arguments beyond these
    :param by_key: whether the function gets a key and its values
    """
    own = 2 if by_key else 1
    if isinstance(extra_args, Mapping):
        return Given(own, extra_args)
    return Given(own + len(extra_args or ()), ())


def check_names(decorator: str, function: Callable[..., Any], given: Given) -> None:
    """
    Checks that the variables of Airflow's context that a function asks for can be sent to it.

    :param decorator: name of the decorator, for messages
    :param function: the user's function
    :param given: the arguments of its call, which win over variables of the context
    :raises InvalidInputError: a variable can't be sent, or a parameter with the name of one could be meant otherwise
    """
    for parameter in _asked_for(function, given):
        name = f"{decorator}: the parameter {parameter.name!r} of {getattr(unwrap(function), '__name__', function)}"
        if not _fillable(parameter):
            raise InvalidInputError(
                f"{name} has the name of a variable of Airflow's context and another default than None, so what it is "
                "to get isn't clear: rename it, have None as its default, or give its value in the call"
            )
        if parameter.name not in PLAIN:
            raise InvalidInputError(
                f"{name} has the name of a variable of Airflow's context that can't travel to where the function "
                f"runs. Give what the function needs of it as an argument, for instance {_example(parameter.name)}; or "
                "rename the parameter if another thing is meant"
            )


def with_names(function: Callable[..., Any]) -> WithDefaults:
    """
    Returns a function that has None as default for each variable that it asks for. With it, the arguments of a call can
    be checked when the DAG is parsed, before there is a run.

    :param function: the user's function
    """
    return WithDefaults(unwrap(function), dict.fromkeys(_names(unwrap(function)) & PLAIN))


def with_values(function: Callable[..., Any], context: Context, given: Given) -> WithDefaults:
    """
    Returns a function that has the values of the variables that it asks for as defaults.

    :param function: the user's function
    :param context: Airflow's context of the running task
    :param given: the arguments of the call, which win over variables of the context
    :raises InvalidInputError: a parameter without a default asks for a variable that this run doesn't have
    """
    function = unwrap(function)
    there = {name for name in PLAIN if name in context}
    for parameter in _asked_for(function, given):
        if parameter.name in PLAIN - there and parameter.default is parameter.empty:
            raise InvalidInputError(
                f"the parameter {parameter.name!r} asks for a variable of Airflow's context that this run doesn't "
                "have; one without a logical date has no dates. Have None as its default, or give a value in the call"
            )
    names = _names(function) & there
    others: set[str] = set()
    if any(
        parameter.kind is parameter.VAR_KEYWORD and parameter.name == _KEYWORDS for parameter in _parameters(function)
    ):
        others = there - _ASKED_FOR - {parameter.name for parameter in _parameters(function)}
    return WithDefaults(function, {name: _sendable(name, context) for name in sorted(names | others)})


def _parameters(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """Returns a function's parameters, or none if it has no signature that can be read."""
    try:
        return tuple(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return ()


def _names(function: Callable[..., Any]) -> set[str]:
    return {parameter.name for parameter in _asked_for(function, Given(0, ())) if _fillable(parameter)}


def _fillable(parameter: inspect.Parameter) -> bool:
    """
    Tells whether a parameter has no default of its own but None. Airflow's own decorators, too, refuse a parameter that
    is named after a variable and has another default.
    """
    return parameter.default is None or parameter.default is parameter.empty


def _asked_for(function: Callable[..., Any], given: Given) -> list[inspect.Parameter]:
    """Returns the parameters that have the name of a variable, as far as nothing is given for them."""
    function = unwrap(function)
    fixed = function.keywords if isinstance(function, functools.partial) else ()
    asked, place = [], 0
    for parameter in _parameters(function):
        by_position = parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        if by_position and parameter.name not in INJECTED:
            place += 1
        by_name = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        missing = parameter.name not in given.names and parameter.name not in fixed
        if (
            by_name
            and missing
            and not (by_position and place <= given.positional)
            and parameter.name in KNOWN_CONTEXT_KEYS
        ):
            asked.append(parameter)
    return asked


#: By variables that can't be sent: an argument for the error's message that gives what may be wanted of them.
_EXAMPLES = {
    "conn": 'host="{{ conn.my_conn.host }}"',
    "dag": 'dag_id="{{ dag.dag_id }}"',
    "macros": 'tomorrow="{{ macros.ds_add(ds, 1) }}"',
    "task": 'task_id="{{ task.task_id }}"',
    "task_instance": 'task_id="{{ ti.task_id }}"',
    "ti": 'task_id="{{ ti.task_id }}"',
    "var": 'bucket="{{ var.value.bucket }}"',
}


def _example(name: str) -> str:
    return _EXAMPLES.get(name, f'value="{{{{ {name} }}}}"')


def _sendable(name: str, context: Context) -> Any:
    value = context[name]  # type: ignore[literal-required]
    if name == "dag_run":
        return SimpleNamespace(
            **{field: _plain(getattr(value, field)) for field in _DAG_RUN_FIELDS if hasattr(value, field)}
        )
    return _plain(value)


def _plain(value: Any) -> Any:
    """Returns a value made of Python's own types, since where functions run, Airflow and pendulum may be missing."""
    # isinstance and not `type(value)`: Airflow hands out some variables as proxies.
    if isinstance(value, NoneType):
        return None
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.datetime):
        offset = value.utcoffset()
        fields = (value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond)
        return datetime.datetime(*fields, tzinfo=None if offset is None else datetime.timezone(offset))
    if isinstance(value, Mapping):
        return {key: _plain(value[key]) for key in value}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value)) if type(value) in (list, tuple) else [*map(_plain, value)]
    return value
