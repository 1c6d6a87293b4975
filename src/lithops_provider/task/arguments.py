"""
Reads and checks an operator's arguments: resolves the aliases of the original plugin, and converts values that
templates have turned into text. The operators call it, and `status/settings.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.job_value import MOST_SECONDS
from lithops_provider.jobs.text import short_repr

#: The operators' parameters that say where a job's functions and data are.
CONNECTION_PARAMETERS = (
    "lithops_conn_id",
    "lithops_config",
    "config",
    "backend",
    "storage",
    "mode",
    "type",
    "monitoring",
    "rabbitmq_monitor",
)
#: The largest whole number that everything a job's settings pass through can hold, JSON in a browser included.
_MOST_WHOLE = 1 << 53
#: Names that the original plugin and its examples used, and the canonical name of each.
ALIASES: dict[str, tuple[str, ...]] = {
    "extra_args": ("extra_params",),
    "iterdata_from_task": ("iterdata_form_task",),
    "lithops_config": ("config",),
    "mode": ("type",),
    "obj_chunk_number": ("chunk_n",),
    "obj_chunk_size": ("chunk_size",),
    "obj_reduce_by_key": ("reducer_one_per_object",),
    "reduce_function": ("reduce_funtion",),
    "remote_invoker": ("remote_invocation",),
}


def resolve(operator: object, name: str) -> Any:
    """
    Returns the value of a parameter that may have been given under an alias; None if it was not given.

    :param operator: an object with the parameters as attributes
    :param name: the canonical name
    :raises InvalidInputError: it was given under two names
    """
    given = [key for key in (name, *ALIASES.get(name, ())) if getattr(operator, key, None) is not None]
    if len(given) > 1:
        raise InvalidInputError(f"{given[1]} is an alias of {given[0]}: give one of them, not both")
    return getattr(operator, given[0]) if given else None


def backends(operator: object) -> dict[str, Any]:
    """
    Returns the settings that say where a job's functions and data are: ``backend``, ``storage``, ``mode``,
    ``monitoring``, as far as they were given.

    :param operator: an object with the parameters as attributes
    :raises InvalidInputError: two of them contradict each other
    """
    monitoring, rabbitmq = getattr(operator, "monitoring", None), getattr(operator, "rabbitmq_monitor", None)
    if rabbitmq is not None and flag("rabbitmq_monitor", rabbitmq):
        if monitoring not in (None, "rabbitmq"):
            raise InvalidInputError(f"rabbitmq_monitor and monitoring={monitoring!r} contradict each other")
        monitoring = "rabbitmq"
    given = {
        "backend": getattr(operator, "backend", None),
        "storage": getattr(operator, "storage", None),
        "mode": resolve(operator, "mode"),
        "monitoring": monitoring,
    }
    return {name: value for name, value in given.items() if value is not None}


def choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """
    Reads one of a few words.

    :param name: the parameter, for the message
    :param value: what was given
    :param choices: the words
    :raises InvalidInputError: it is none of them
    """
    if value not in choices:
        raise InvalidInputError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r:.100}")
    return str(value)


def flag(name: str, value: Any) -> bool:
    """
    Reads a bool, which a template may have turned into text. Python itself takes the text "False" for true.

    :param name: the parameter, for the message
    :param value: a bool, or its text
    :raises InvalidInputError: it is something else
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise InvalidInputError(f"{name} must be True or False, got {value!r:.100}")


def number(
    name: str,
    value: Any,
    *,
    whole: bool = False,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
) -> Any:
    """
    Reads a number, which a template may have turned into text.

    :param name: the parameter, for the message
    :param value: a number, its text, or None
    :param whole: whether it must be an int
    :param least: the smallest allowed number
    :param above: a number that it must be greater than
    :param most: the greatest allowed number; None for what a job's value can hold: a billion, or 2**53 if it is whole
    :returns: the number; None for None
    :raises InvalidInputError: it is something else
    """
    if value is None:
        return None
    read = value
    if isinstance(value, str):
        try:
            read = int(value) if whole else float(value)
        except ValueError:
            read = None
    kind = (int,) if whole else (int, float)
    fits = isinstance(read, kind) and not isinstance(read, bool)
    fits = fits and (least is None or read >= least) and (above is None or read > above)
    limit = most if most is not None else _MOST_WHOLE if whole else MOST_SECONDS
    if not fits or read > limit:
        wanted = ["an int" if whole else "a number"]
        wanted += [f"at least {least:g}"] if least is not None else []
        wanted += [f"greater than {above:g}"] if above is not None else []
        wanted += [f"at most {limit:g}"] if most is not None or (fits and read > limit) else []
        raise InvalidInputError(f"{name} must be {', '.join(wanted)}; got {short_repr(value)}")
    return read


def environment(extra_env: Any) -> dict[str, str]:
    """
    Reads environment variables. Other values are converted to str, since a call with any other type never reports.

    :param extra_env: a dict, or None
    :raises InvalidInputError: it is something else, or a value is None
    """
    if extra_env is None:
        return {}
    if not isinstance(extra_env, Mapping):
        raise InvalidInputError(f"extra_env must be a dict, got {type(extra_env).__name__}: {extra_env!r:.100}")
    for name, value in extra_env.items():
        if not isinstance(name, str) or not name or "=" in name or not _fits_environment(name):
            raise InvalidInputError(f"extra_env: {name!r:.100} can't be the name of an environment variable")
        if value is None:
            raise InvalidInputError(f"extra_env[{name!r}] is None; leave it out, or give an empty str")
        if not _fits_environment(str(value)):
            raise InvalidInputError(
                f"extra_env[{name!r:.100}] has characters that no environment variable can have: NUL, or halves of "
                "characters"
            )
    return {name: str(value) for name, value in extra_env.items()}


def _fits_environment(text: str) -> bool:
    """Tells whether a process can be started with a text in its environment. If not, the call would never report."""
    try:
        return b"\0" not in text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False


def module_names(name: str, value: Any) -> list[str] | None:
    """
    Reads a list of modules. None has a meaning of its own in Lithops: ship none.

    :param name: the parameter, for the message
    :param value: a list or tuple of str, or None
    :raises InvalidInputError: it is something else
    """
    if value is None:
        return None
    if isinstance(value, (list, tuple, set)) and all(isinstance(entry, str) for entry in value):
        return list(value)
    raise InvalidInputError(f"{name} must be a list of names of modules, got {value!r:.100}")


def requirements(value: Any) -> list[str] | None:
    """
    Reads a list of requirements.

    :param value: a list or tuple of str, or None
    :raises InvalidInputError: it is something else
    """
    if value is None:
        return None
    if isinstance(value, (list, tuple)) and value and all(map(_is_requirement, value)):
        return [entry.strip() for entry in value]
    raise InvalidInputError(
        f'requirements must be a list of str as pip takes them, such as ["pandas==2.3.*"], got {value!r:.200}'
    )


def _is_requirement(entry: object) -> bool:
    """Tells whether a text may be a requirement: not an option, nor several lines."""
    return isinstance(entry, str) and entry.isprintable() and entry.strip()[:1] not in ("", "-")


def max_items() -> int:
    """
    Returns how many items a job may have: ``[lithops] max_items`` of Airflow's configuration.

    :raises InvalidInputError: that is no positive number
    """
    from airflow.providers.common.compat.sdk import conf

    from lithops_provider.jobs.binding.items import MAX_ITEMS

    given = conf.get("lithops", "max_items", fallback=str(MAX_ITEMS))
    return int(number("[lithops] max_items", given, whole=True, least=1))
