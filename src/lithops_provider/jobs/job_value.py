"""
Checks the fields of a job's value for `LithopsJob.from_dict`. Anybody who can write an XCom or a task's state store can
write such a value, and its names become keys in storage and folders on this machine. So if
any field of a value is wrong, nothing may be read or deleted by it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from lithops_provider.jobs.errors import InvalidInputError

#: Letter with which Lithops begins the id of a job of an executor, by the kind of the job.
JOB_LETTERS: dict[str, str] = {"call": "A", "map": "M", "reduce": "R", "write": "W"}
#: Rounds that a job may have. Whoever looks at a job lists each of its rounds.
MOST_ROUNDS = 1_000

_EXECUTOR_ID = re.compile(r"[0-9a-f]{16}-[0-9]{1,6}", re.ASCII)
#: Name of a backend: a Lithops module.
_BACKEND = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
#: A bucket is a folder of localhost's storage: no separators, nothing that a terminal or a log would read as a command.
_BUCKET = re.compile(r"[^/\\\x00-\x1f\x7f-\x9f]{1,255}")
_MOST_ITEMS = 50_000_000
#: Seconds since the epoch that a job may have been sent at, at most: the year 9999, what a datetime can hold.
_LAST_TIME = 253_402_300_799.0
#: Seconds that a timeout may have.
MOST_SECONDS = 1e9
#: Characters that the fields a newer release has added to a value may have as JSON.
_MOST_UNKNOWN = 64_000


def checked_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """
    Returns the fields of a job's value, checked, without its rounds.

    :param fields: as they were read; the ones that this release doesn't know are left out
    :raises InvalidInputError: one is missing, or isn't what a job has there; the message names it
    """
    return _checked(fields, _JOB, "")


def checked_rounds(entries: Any, kind: str) -> list[dict[str, Any]]:
    """
    Returns the fields of each round, checked.

    :param entries: what was read as the rounds
    :param kind: the kind of the job
    :raises InvalidInputError: these aren't a list of rounds, or a field of one is wrong
    """
    if not isinstance(entries, (list, tuple)) or len(entries) > MOST_ROUNDS:
        _refuse("rounds", entries, f"a list of at most {MOST_ROUNDS} rounds")
    rounds = []
    for number, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            _refuse(f"rounds[{number}]", entry, "a dict")
        fields = _checked(entry, _ROUND, f"rounds[{number}].")
        wanted = job_id(kind, number)
        if fields["job_id"] != wanted:
            _refuse(f"rounds[{number}].job_id", fields["job_id"], repr(wanted))
        rounds.append(fields)
    return rounds


def job_id(kind: str, number: int) -> str:
    """
    Returns the job id by which Lithops knows a round.

    :param kind: the kind of the job
    :param number: the number of the round, from 0
    """
    return f"{JOB_LETTERS[kind]}{number:03d}"


def unknown_fields(fields: Mapping[str, Any], *known: str) -> dict[str, Any]:
    """
    Returns the fields that a newer release has added. They are kept, since the value may go back to that release.

    :param fields: the fields of a value, or of one of its rounds
    :param known: names of the fields that this release knows
    :raises InvalidInputError: the others are more than a value can carry, or not JSON
    """
    unknown = {name: value for name, value in fields.items() if name not in known}
    if not unknown:
        return unknown
    names = ascii([str(name)[:50] for name in unknown][:10])
    try:
        size = len(json.dumps(unknown, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"the value of the Lithops job is damaged: {names} can't be JSON: {error}") from None
    if size > _MOST_UNKNOWN or not all(isinstance(name, str) for name in unknown):
        raise InvalidInputError(
            f"the value of the Lithops job is damaged: {names} have {size} characters, and at most {_MOST_UNKNOWN} of "
            "a newer release are kept"
        )
    return unknown


def _checked(fields: Mapping[str, Any], checks: Mapping[str, _Check], where: str) -> dict[str, Any]:
    for name, (fits, expected) in checks.items():
        if name not in fields:
            raise InvalidInputError(f"the value of the Lithops job is damaged: it has no {where}{name}")
        if not fits(fields[name]):
            _refuse(f"{where}{name}", fields[name], expected)
    return {name: fields[name] for name in checks}


def _refuse(name: str, value: object, expected: str) -> None:
    shown = ascii(value if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__)
    raise InvalidInputError(f"the value of the Lithops job is damaged: {name} must be {expected}, got {shown:.100}")


#: A function that tells whether a field's value is right, and words for what it should be.
_Check = tuple[Callable[[Any], bool], str]


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MOST_ITEMS


def _is_number(most: float) -> Callable[[Any], bool]:
    return lambda value: type(value) in (int, float) and 0 <= value <= most


def _is_name(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: type(value) is str and pattern.fullmatch(value) is not None


def _is_text(most: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is str and len(value) <= most and "\0" not in value


_WHOLE: _Check = (_is_whole, f"a whole number from 0 to {_MOST_ITEMS}")
_TIME: _Check = (_is_number(_LAST_TIME), "seconds since the epoch")
_NAME: _Check = (_is_name(_BACKEND), "the name of a backend")

_JOB: dict[str, _Check] = {
    "executor_id": (_is_name(_EXECUTOR_ID), "16 hexadecimal digits, '-' and a number"),
    "kind": (lambda value: type(value) is str and value in JOB_LETTERS, f"one of {', '.join(JOB_LETTERS)}"),
    "function": (_is_text(1_000), "the name of a function"),
    "items": _WHOLE,
    "backend": _NAME,
    "storage": _NAME,
    "bucket": (
        lambda value: _is_name(_BUCKET)(value) and value not in (".", ".."),
        "the name of a bucket",
    ),
    "runtime": (_is_text(4_096), "the name of a runtime"),
    "timeout": (_is_number(MOST_SECONDS), f"a number of seconds up to {MOST_SECONDS:g}"),
    "host": (_is_text(255), "the name of a machine"),
    "created": _TIME,
}
_ROUND: dict[str, _Check] = {
    "job_id": (lambda value: type(value) is str, "the id of a Lithops job"),
    "items": _WHOLE,
    "calls": _WHOLE,
    "submitted": _TIME,
}
