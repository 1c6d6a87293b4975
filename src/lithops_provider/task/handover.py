"""
What a task keeps over its phases and over deferrals: a `Handover` is what phases hand over to the following ones, and a
`Deferred` is all that a task needs to go on after a deferral. Airflow stores the latter in its database with the
trigger. So whatever grows with the number of items lies in storage with the job. `task/run.py` and the operators use
them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.errors import StorageUnavailableError
from lithops_provider.jobs.follow.states import RunState
from lithops_provider.jobs.job import LithopsJob

if TYPE_CHECKING:
    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.task.phases import Phase

#: How many places where functions have written objects are kept at most, for lineage.
_MAX_WRITTEN = 200


@dataclass
class Handover:
    """
    What the phases of a task that are over hand over to the following ones.

    :param jobs: the jobs of the phases that are over, by phase
    :param written: bucket and prefix of each place where functions have written objects through ``storage``
    :param summaries: the jobs' summaries, by phase, as `lithops_provider.report.summary.sum_up` returns them
    :param chunks: for each object, into how many items it was split, if a later phase needs that. It is stored with the
        job and not in the database, so read it with `object_chunks`
    """

    jobs: dict[str, LithopsJob] = field(default_factory=dict)
    written: list[tuple[str, str]] = field(default_factory=list)
    summaries: dict[str, Any] = field(default_factory=dict)
    chunks: Sequence[int] | None = None

    def add_written(self, places: Collection[tuple[str, str]]) -> None:
        """
        Adds places where functions have written objects.

        :param places: bucket and prefix of each place
        """
        self.written = sorted({*self.written, *places})[:_MAX_WRITTEN]

    def store_chunks(self, client: LithopsClient, job: LithopsJob) -> None:
        """
        Stores the chunks, if there are any, with the job whose items they are.

        :param client: where it runs
        :param job: its value
        """
        if self.chunks is not None:
            client.put(job.chunks_key, json.dumps(list(self.chunks)).encode())

    def object_chunks(self, client: LithopsClient, phase: str) -> Sequence[int]:
        """
        Returns, for each object, into how many items it was split.

        :param client: where the job runs
        :param phase: the phase whose items these were
        :raises StorageUnavailableError: the numbers are gone from storage
        """
        if self.chunks is None:
            job = self.jobs[phase]
            data = client.get(job.bucket, job.chunks_key, large=True)
            if data is None:
                raise StorageUnavailableError(
                    f"the number of chunks of each object is gone from {job.storage}://{job.bucket}/{job.chunks_key}"
                )
            self.chunks = [int(count) for count in json.loads(data)]
        return self.chunks

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON, without the chunks."""
        value: dict[str, Any] = {phase: job.to_dict() for phase, job in self.jobs.items()}
        if self.written:
            value["written"] = self.written
        if self.summaries:
            value["summaries"] = self.summaries
        return value

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Handover:
        """Reads what `to_dict` returned, also that of earlier releases, which had the chunks in it."""
        return cls(
            jobs={phase: LithopsJob.from_dict(job) for phase, job in value.items() if LithopsJob.is_value(job)},
            written=[(str(bucket), str(prefix)) for bucket, prefix in value.get("written", ())],
            summaries=dict(value.get("summaries", {})),
            chunks=value.get("chunks"),
        )


@dataclass
class Deferred:
    """
    The state of a task that waits in the triggerer.

    :param phase: the phase whose job it waits for
    :param job: that job
    :param handover: what earlier phases hand over
    :param run: what the job's run has to remember
    :param deadline: seconds since the epoch at which ``job_timeout`` is over
    :param end: seconds since the epoch at which ``execution_timeout`` is over
    """

    phase: Phase
    job: LithopsJob
    handover: Handover
    run: RunState
    deadline: float | None
    end: float | None

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON, which the trigger holds and gives back with its event."""
        return {
            "phase": self.phase,
            "job": self.job.to_dict(),
            "carried": self.handover.to_dict(),
            "since": self.run.since,
            "memory": self.run.memory,
            "deadline": self.deadline,
            "end": self.end,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Deferred:
        """Reads what `to_dict` returned."""
        return cls(
            phase=value["phase"],
            job=LithopsJob.from_dict(value["job"]),
            handover=Handover.from_dict(value["carried"]),
            run=RunState(value["since"], value["memory"]),
            deadline=value["deadline"],
            end=value["end"],
        )
