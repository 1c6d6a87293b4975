"""
Reads and checks the settings of the executor: the section ``[lithops_executor]`` of Airflow's configuration, and the
``executor_config`` of a task. The executor does so before it sends anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from lithops_provider.connection.settings import DEFAULT_CONN_ID, ConnectionSettings
from lithops_provider.jobs.errors import ConfigurationError, InvalidInputError

SECTION = "lithops_executor"

#: Seconds that a task may take unless something else is set: a week, the longest that a call is ever given.
_LONGEST_TASK = 7 * 24 * 3600.0

#: How many workloads are sent as one job at most. A job's data is deleted only when the last of them is over.
MOST_CALLS = 64

T = TypeVar("T")


@dataclass(frozen=True)
class CallOptions:
    """
    How the call of a task is to run. Tasks with equal options can go as one job.

    :param runtime: name of the runtime; None for the connection's
    :param runtime_memory: MB; None for the connection's
    :param timeout: seconds after which the call is stopped
    :param environment: variables that the task gets, as pairs
    """

    runtime: str | None = None
    runtime_memory: int | None = None
    timeout: float = _LONGEST_TASK
    environment: tuple[tuple[str, str], ...] = ()

    def with_executor_config(self, given: object) -> CallOptions:
        """
        Returns the options of a task.

        :param given: its ``executor_config``; None or an empty dict changes nothing
        :raises InvalidInputError: it isn't a dict of what the executor knows; the message names the key
        """
        if not given:
            return self
        if not isinstance(given, Mapping):
            raise InvalidInputError(f"executor_config must be a dict, got {type(given).__name__}")
        unknown = sorted(str(key) for key in given if key not in _CHECKS)
        if unknown:
            raise InvalidInputError(
                f"executor_config has {unknown[0]!r:.100}, which the LithopsExecutor doesn't know; it knows "
                f"{', '.join(_CHECKS)}"
            )
        try:
            return replace(self, **{key: _CHECKS[key](value) for key, value in given.items()})
        except InvalidInputError as error:
            raise InvalidInputError(f"executor_config: {error}") from None


@dataclass(frozen=True)
class ExecutorSettings:
    """
    The section ``[lithops_executor]``.

    :param lithops_conn_id: the connection
    :param options: how calls run, unless a task's ``executor_config`` says otherwise
    :param gather_seconds: for how long at most tasks are gathered that go as one job
    :param poll_interval: seconds between looks at a job; None for what suits the backend
    :param server: address of the Execution API as functions reach it; None for Airflow's own setting
    """

    lithops_conn_id: str = DEFAULT_CONN_ID
    options: CallOptions = CallOptions()
    gather_seconds: float = 0.2
    poll_interval: float | None = None
    server: str | None = None

    @classmethod
    def read(cls, get: Callable[[str], str | None]) -> ExecutorSettings:
        """
        Reads the section.

        :param get: returns an option of it as text, or None if it isn't set
        :raises ConfigurationError: an option is wrong; the message names it
        """

        def option(name: str, check: Callable[[Any], T], default: T) -> T:
            text = (get(name) or "").strip()
            if not text:
                return default
            try:
                return check(text)
            except InvalidInputError as error:
                raise ConfigurationError(f"[{SECTION}] {error}") from None

        known = cls()
        return cls(
            lithops_conn_id=option("lithops_conn_id", str, known.lithops_conn_id),
            options=CallOptions(
                runtime=option("runtime", _text, None),
                runtime_memory=option("runtime_memory", _memory, None),
                timeout=option("task_timeout", _seconds("task_timeout"), known.options.timeout),
            ),
            gather_seconds=option("gather_seconds", _seconds("gather_seconds", least=0.0), known.gather_seconds),
            poll_interval=option("poll_interval", _seconds("poll_interval"), None),
            server=option("execution_api_server_url", _address, None),
        )

    def connection(self, options: CallOptions) -> ConnectionSettings:
        """
        Returns the connection of calls, and what is set over it.

        :param options: the options of the calls
        """
        chosen = {"runtime": options.runtime, "runtime_memory": options.runtime_memory}
        arguments = {name: value for name, value in chosen.items() if value is not None}
        # A task may run for long, and no task is to wait for another: on localhost each call gets a process at once.
        processes = {"localhost": {"worker_processes": MOST_CALLS}}
        return ConnectionSettings(self.lithops_conn_id, processes, arguments)


def _text(value: Any) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise InvalidInputError(f"runtime must be the name of a runtime, got {value!r:.100}")


def _memory(value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = 0
    if number < 1 or isinstance(value, bool):
        raise InvalidInputError(f"runtime_memory must be a number of MB above 0, got {value!r:.100}")
    return number


def _seconds(name: str, least: float | None = None) -> Callable[[Any], float]:
    """Returns a check of a number of seconds: above 0, or at least ``least``; and at most a week."""
    wanted = "above 0" if least is None else f"of at least {least:g}"

    def check(value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = -1.0
        enough = number > 0 if least is None else number >= least
        if not enough or number > _LONGEST_TASK or isinstance(value, bool):
            raise InvalidInputError(
                f"{name} must be a number of seconds {wanted} and at most {_LONGEST_TASK:.0f}, got {value!r:.100}"
            )
        return number

    return check


def _environment(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"environment must be a dict, got {type(value).__name__}")
    for name, text in value.items():
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            raise InvalidInputError(f"environment has the name {name!r:.100}, which no variable has")
        if not isinstance(text, str) or "\0" in text:
            # Its value isn't shown: it may be a secret.
            raise InvalidInputError(
                f"environment must have texts as values; that of {name!r:.100} is no text without "
                f"NUL but of type {type(text).__name__}"
            )
    return tuple(sorted(value.items()))


def _address(value: str) -> str:
    if value.startswith(("http://", "https://")):
        return value
    raise InvalidInputError(
        f"execution_api_server_url must begin with http:// or https://, as in https://airflow.example.com/execution/, "
        f"got {value!r:.200}"
    )


#: What ``executor_config`` may hold, with what checks it.
_CHECKS: dict[str, Callable[[Any], Any]] = {
    "runtime": _text,
    "runtime_memory": _memory,
    "timeout": _seconds("timeout"),
    "environment": _environment,
}
