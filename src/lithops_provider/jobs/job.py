"""A job is a value: plain JSON that any process can follow, gather, cancel and clean the job with."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.remote.results import JOBS_PREFIX, job_prefix

JobKind = Literal["call", "map", "reduce"]

#: The letter Lithops puts before the number of a job of an executor.
_LETTERS: dict[str, str] = {"call": "A", "map": "M", "reduce": "R"}
_VERSION = 1
_EXECUTOR_ID = re.compile(r"[0-9a-f]{16}-[0-9]+", re.ASCII)
_JOB_ID = re.compile(r"[AMR][0-9]{3,6}", re.ASCII)
#: Items of a job that others are believed to have.
_MOST_ITEMS = 50_000_000


@dataclass(frozen=True)
class Round:
    """
    One submission of items of a job; to Lithops, a job of its own.

    :param job_id: Lithops's job id, unique within the executor id
    :param items: number of items sent
    :param calls: number of calls they were sent in
    :param submitted: when, in seconds since the epoch
    """

    job_id: str
    items: int
    calls: int
    submitted: float


@dataclass(frozen=True)
class LithopsJob:
    """
    What identifies a job and says how to find its data. Holds no credentials: those come from the connection.

    :param executor_id: chosen by us before anything is sent; 16 hexadecimal digits and ``-0``
    :param kind: ``call``, ``map`` or ``reduce``
    :param function: name of the user's function
    :param items: number of items
    :param backend: compute backend
    :param storage: storage backend
    :param bucket: the resolved bucket
    :param runtime: name of the runtime
    :param timeout: seconds that an item has
    :param host: name of the machine that submitted it, which is where a localhost job runs
    :param created: seconds since the epoch
    :param rounds: all submissions so far, the last one being followed
    """

    executor_id: str
    kind: JobKind
    function: str
    items: int
    backend: str
    storage: str
    bucket: str
    runtime: str
    timeout: float
    host: str
    created: float
    rounds: tuple[Round, ...] = ()

    @staticmethod
    def new_executor_id() -> str:
        """Returns an id that no other executor has. Lithops's own collide between forked processes."""
        return f"{uuid.uuid4().hex[:16]}-0"

    def with_round(self, items: int, calls: int) -> LithopsJob:
        """
        Returns the job with one more submission.

        :param items: number of items to send
        :param calls: number of calls to send them in
        """
        job_id = f"{_LETTERS[self.kind]}{len(self.rounds):03d}"
        return replace(self, rounds=(*self.rounds, Round(job_id, items, calls, round(time.time(), 3))))

    def check_names(self) -> None:
        """
        Checks that the job's keys lead nowhere but to the objects of jobs: for values that others may have written.

        :raises InvalidInputError: an id has another form, or the numbers are no numbers
        """
        ids_fit = _EXECUTOR_ID.fullmatch(str(self.executor_id)) and all(
            _JOB_ID.fullmatch(str(entry.job_id)) for entry in self.rounds
        )
        numbers = [self.items, *(number for entry in self.rounds for number in (entry.items, entry.calls))]
        numbers_fit = all(type(number) is int and 0 <= number <= _MOST_ITEMS for number in numbers)
        times = [self.created, *(entry.submitted for entry in self.rounds)]
        times_fit = all(isinstance(number, (int, float)) for number in times)
        if not (self.rounds and ids_fit and numbers_fit and times_fit):
            raise InvalidInputError("the value of the Lithops job is damaged: its ids or numbers aren't those of a job")

    @property
    def job_ids(self) -> list[str]:
        """Lithops's job ids, one a round."""
        return [entry.job_id for entry in self.rounds]

    @property
    def owner_key(self) -> str:
        """Key of the object that says who waits for the job."""
        return f"{JOBS_PREFIX}/{self.executor_id}/owner"

    def stop_key(self, number: int = -1) -> str:
        """Returns the key of the marker that stops a round."""
        return f"{self.round_prefix(number)}/stop"

    def sent_key(self, number: int = -1) -> str:
        """Returns the key of the marker that says that a round was sent completely."""
        return f"{self.round_prefix(number)}/sent"

    def plan_key(self, number: int = -1) -> str:
        """Returns the key of the object that says which items each call of a round has."""
        return f"{self.round_prefix(number)}/plan"

    def items_key(self, number: int = -1) -> str:
        """Returns the key of the object that holds the items of a round."""
        return f"{self.round_prefix(number)}/items"

    def round_prefix(self, number: int = -1) -> str:
        """Returns the prefix of all objects of a round, without a slash at its end."""
        return job_prefix(self.executor_id, self.rounds[number].job_id)

    def reference(self) -> dict[str, Any]:
        """Returns what `lithops_provider.jobs.remote.values.read_values` takes to read this job's results."""
        return {"bucket": self.bucket, "executor_id": self.executor_id, "job_ids": self.job_ids}

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON, for XCom, the task state store and trigger kwargs."""
        value = asdict(self)
        value["rounds"] = [asdict(entry) for entry in self.rounds]
        return {"lithops_job": _VERSION, **value}

    @classmethod
    def is_value(cls, value: object) -> bool:
        """Tells whether ``value`` is what `to_dict` returns."""
        return isinstance(value, Mapping) and "lithops_job" in value

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> LithopsJob:
        """
        Reads what `to_dict` returned.

        :raises InvalidInputError: it is something else, or written by a newer release
        """
        if not cls.is_value(value):
            raise InvalidInputError(
                f"not the value of a Lithops job, which is a dict with 'lithops_job': {value!r:.200}"
            )
        fields = dict(value)
        version = fields.pop("lithops_job")
        if version != _VERSION:
            raise InvalidInputError(f"the job's value has format {version!r}; this release reads {_VERSION}")
        try:
            fields["rounds"] = tuple(Round(**entry) for entry in fields["rounds"])
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise InvalidInputError(f"the value of the Lithops job is damaged: {error}") from None
