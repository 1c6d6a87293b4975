"""
Chooses the environment variables of functions that run on this machine: all variables of this process, except those
that Airflow sets for the process of a task, and except Airflow's secrets. localhost.py gives them to its runners.
Airflow's own tasks, which the executor runs, get more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

#: Beginnings of the variables that Airflow sets for the process of a task: its supervisor's descriptor, how it was
#: started, the task's context. With them, a function that imports Airflow would take itself for that task.
_OF_THE_TASK = ("_AIRFLOW", "__AIRFLOW", "AIRFLOW_CTX_")
#: Beginnings of the variables that hold Airflow's connections and Airflow's variables.
_KEPT_IN_VARIABLES = ("AIRFLOW_CONN_", "AIRFLOW_VAR_")
_SETTING = "AIRFLOW__"
#: A setting of Airflow with one of these words in the name of its section or option is secret, or says how to get a
#: secret. A test checks that the words cover all settings that Airflow and its providers call sensitive. DATABASE is
#: also here because the database's settings hold a text in a task that can't be parsed.
_SECRET_WORDS = frozenset(
    [
        "ARGS",
        "AUTH",
        "BROKER",
        "CMD",
        "CONN",
        "CREDENTIAL",
        "CREDENTIALS",
        "DATABASE",
        "DSN",
        "KEY",
        "KEYS",
        "KWARGS",
        "PASSPHRASE",
        "PASSWORD",
        "SECRET",
        "SECRETS",
        "TOKEN",
        "TRANSPORT",
    ]
)
_SECRET_OPTIONS = ("RESULT_BACKEND",)
#: What Airflow's servers alone need: with it, a task could be any other one, or write Airflow's database.
_OF_THE_SERVERS = (
    "AIRFLOW__DATABASE__",
    "AIRFLOW__API_AUTH__",
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__CELERY__",
)
_PASSWORD_IN_URL = re.compile(r"://[^/\s@]*:[^/\s@]+@")


def environment_of_functions(environment: Mapping[str, str]) -> dict[str, str]:
    """
    Returns the variables that functions get. Users add others by ``extra_env``.

    :param environment: the variables of this process, which may be that of a task
    """
    return {name: value for name, value in _items(environment) if not _is_airflows_own(name, value)}


def environment_of_tasks(environment: Mapping[str, str]) -> dict[str, str]:
    """
    Returns the variables that tasks of Airflow itself get if the executor runs them on this machine. They may read
    Airflow's connections and variables, and need its settings.

    :param environment: the variables of the scheduler
    """
    left_out = (*_OF_THE_TASK, *_OF_THE_SERVERS)
    return {name: value for name, value in _items(environment) if not name.upper().startswith(left_out)}


def _items(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yields what `items` does, except that a variable that another thread unsets meanwhile is no error."""
    for name in environment:
        value = environment.get(name)
        if value is not None:
            yield name, value


def _is_airflows_own(name: str, value: str) -> bool:
    if name.startswith((*_OF_THE_TASK, *_KEPT_IN_VARIABLES)):
        return True
    if not name.startswith(_SETTING):
        return False
    words = _SECRET_WORDS & set(name.upper().split("_"))
    return bool(words) or name.upper().endswith(_SECRET_OPTIONS) or _PASSWORD_IN_URL.search(value) is not None
