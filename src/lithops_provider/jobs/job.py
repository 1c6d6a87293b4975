"""
A job is a value: as plain JSON it goes into XCom, the task state store and triggers, and any process that has it can
follow, gather, cancel and clean the job. Nearly every module of the package takes or returns one.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from lithops_provider.jobs import job_value
from lithops_provider.jobs.errors import InvalidInputError, LithopsJobError
from lithops_provider.jobs.remote import keys

if TYPE_CHECKING:
    from lithops_provider.jobs.remote.frames import Reference

JobKind = Literal["call", "map", "reduce", "write"]

#: Format of the JSON. It changes only when an older release could no longer read a value.
_VERSION = 1


@dataclass(frozen=True)
class Round:
    """
    One submission of items of a job. The first round has all of them, later ones those that are sent again. Lithops
    takes each round for a job of its own.

    :param job_id: Lithops's job id, unique within the executor id
    :param items: number of items sent
    :param calls: number of calls they were sent in
    :param submitted: when, in seconds since the epoch
    :param unknown: fields that a newer release has added; kept, and not looked at
    """

    job_id: str
    items: int
    calls: int
    submitted: float
    unknown: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)


@dataclass(frozen=True)
class LithopsJob:
    """
    What identifies a job and says how to find its data. Holds no credentials: those come from the connection.

    :param executor_id: chosen by us before anything is sent; 16 hexadecimal digits and ``-0``
    :param kind: ``call``, ``map``, ``reduce`` or ``write``, which writes results into files
    :param function: name of the user's function
    :param items: number of items
    :param backend: compute backend
    :param storage: storage backend
    :param bucket: the resolved bucket
    :param runtime: name of the runtime
    :param timeout: seconds that an item has
    :param host: name of the machine that submitted it, which is where a localhost job runs
    :param created: seconds since the epoch
    :param rounds: all submissions so far; the last one is followed
    :param unknown: fields that a newer release has added; kept, and not looked at
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
    unknown: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)

    @staticmethod
    def new_executor_id() -> str:
        """Returns an id that no other executor has. Lithops's own ids can be the same in two forked processes."""
        return f"{uuid.uuid4().hex[:16]}-0"

    def with_round(self, items: int, calls: int) -> LithopsJob:
        """
        Returns the job with one more submission.

        :param items: number of items to send
        :param calls: number of calls to send them in
        :raises LithopsJobError: the job has as many rounds as one may have
        """
        number = len(self.rounds)
        if number >= job_value.MOST_ROUNDS:
            raise LithopsJobError(
                f"job {self.executor_id} was sent in {number} rounds, and its items are still not done; give items "
                "more time or memory, or fewer item_retries"
            )
        job_id = job_value.job_id(self.kind, number)
        return replace(self, rounds=(*self.rounds, Round(job_id, items, calls, round(time.time(), 3))))

    @property
    def job_ids(self) -> list[str]:
        """Lithops's job ids, one a round."""
        return [entry.job_id for entry in self.rounds]

    @property
    def owner_key(self) -> str:
        """Key of the object that says who waits for the job."""
        return f"{keys.JOBS_PREFIX}/{self.executor_id}/{keys.OWNER}"

    @property
    def chunks_key(self) -> str:
        """Key of the object that says into how many items each of the user's objects was split."""
        return f"{keys.JOBS_PREFIX}/{self.executor_id}/{keys.CHUNKS}"

    @property
    def prefix(self) -> str:
        """Prefix of all objects of the job, its owner's included."""
        return f"{keys.JOBS_PREFIX}/{self.executor_id}"

    def stop_key(self, number: int = -1) -> str:
        """Returns the key of the marker that stops a round."""
        return f"{self.round_prefix(number)}/{keys.STOP}"

    def sent_key(self, number: int = -1) -> str:
        """Returns the key of the marker that is written once all calls of a round were sent."""
        return f"{self.round_prefix(number)}/{keys.SENT}"

    def plan_key(self, number: int = -1) -> str:
        """Returns the key of the object that says which items each call of a round has."""
        return f"{self.round_prefix(number)}/{keys.PLAN}"

    def failures_key(self, number: int = -1) -> str:
        """Returns the key of the object that holds all failures, as JSON, if a task has stored some."""
        return f"{self.round_prefix(number)}/{keys.FAILURES}"

    def items_key(self, number: int = -1) -> str:
        """Returns the key of the object that holds the items of a round."""
        return f"{self.round_prefix(number)}/{keys.ITEMS}"

    def round_prefix(self, number: int = -1) -> str:
        """
        Returns the prefix of all objects of a round, without a slash at its end.

        :raises InvalidInputError: the value has no rounds
        """
        self.check_sent()
        return keys.job_prefix(self.executor_id, self.rounds[number].job_id)

    def check_sent(self) -> None:
        """
        Checks that something of the job was sent.

        :raises InvalidInputError: the value has no rounds
        """
        if not self.rounds:
            raise InvalidInputError(f"nothing of job {self.executor_id} was sent: its value has no rounds")

    def reference(self) -> Reference:
        """
        Returns what functions of other jobs read this job's results by, see
        `lithops_provider.jobs.remote.reduce.values.read_values`.
        """
        return {"bucket": self.bucket, "executor_id": self.executor_id, "job_ids": self.job_ids}

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON, for XCom, the task state store and trigger kwargs."""
        value = {**self.unknown, **_known(self), "rounds": [{**one.unknown, **_known(one)} for one in self.rounds]}
        return {"lithops_job": _VERSION, **value}

    @classmethod
    def is_value(cls, value: object) -> bool:
        """Tells whether ``value`` is what `to_dict` returns."""
        return isinstance(value, Mapping) and "lithops_job" in value

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> LithopsJob:
        """
        Makes a job of what `to_dict` returned. Checks every field, since anybody who can write an XCom can write one.

        :raises InvalidInputError: it is something else, or damaged; the message names the field
        """
        if not cls.is_value(value):
            raise InvalidInputError(
                f"not the value of a Lithops job, which is a dict with 'lithops_job': {value!r:.200}"
            )
        version = value["lithops_job"]
        if type(version) is not int or version != _VERSION:
            raise InvalidInputError(
                f"the job's value has format {version!a:.20}; this release reads {_VERSION}. If a newer release "
                "has written it, upgrade airflow-provider-lithops here, too"
            )
        known = job_value.checked_fields(value)
        rounds = job_value.checked_rounds(value.get("rounds"), known["kind"])
        return cls(
            **known,
            rounds=tuple(
                Round(**one, unknown=job_value.unknown_fields(entry, *one))
                for one, entry in zip(rounds, value["rounds"], strict=True)
            ),
            unknown=job_value.unknown_fields(value, "lithops_job", "rounds", *known),
        )


def _known(value: LithopsJob | Round) -> dict[str, Any]:
    names = (entry.name for entry in fields(value))
    return {name: getattr(value, name) for name in names if name != "unknown"}
