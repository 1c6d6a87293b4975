"""Sends a round of items, so that nothing of this process is needed any more when it returns."""

from __future__ import annotations

import json
import logging
import pickle
import socket
import time
from collections.abc import Callable, Sequence
from itertools import accumulate

from lithops_provider.jobs.adapter.compute import CallBatch
from lithops_provider.jobs.binding.function import chunked
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.submit.batching import BatchSize, number_of_calls
from lithops_provider.jobs.submit.payload import dump_wrapper
from lithops_provider.jobs.submit.spec import JobSpec

logger = logging.getLogger(__name__)

#: Seconds between a call's stores of what it has finished so far, which is what live progress is made of.
FLUSH_SECONDS = 3.0
#: Bytes of results after which a call begins another part.
PART_SIZE = 8 << 20
#: Bytes kept of what an item prints.
OUTPUT_LIMIT = 16 << 10
#: Seconds a call may take at most where the backend has no limit of its own; longer waits overflow in the worker.
_LONGEST_CALL = 7 * 24 * 3600
#: Seconds a call gets beside its items' timeouts.
_CALL_OVERHEAD = 300

#: On localhost, from so many calls of a single item on, each runs without a process that watches over it, which would
#: cost a third more time: what a dying function printed last is lost then, and a timeout that it doesn't react to
#: takes minutes.
_MANY_CALLS = 100
#: Characters of the function's name that a job's value has.
_MAX_NAME = 200
#: Seconds of timeout up to which items are watched in any case.
_SHORT_TIMEOUT = 300.0

Record = Callable[[LithopsJob], None]


def new_job(client: LithopsClient, spec: JobSpec) -> LithopsJob:
    """
    Returns the value of a job that is yet to be sent.

    :param client: where it is to run
    :param spec: what it is to do
    """
    return LithopsJob(
        executor_id=LithopsJob.new_executor_id(),
        kind=spec.kind,
        function="".join(char if char.isprintable() else "?" for char in spec.name[:_MAX_NAME]),
        items=len(spec.items),
        backend=client.backend,
        storage=client.storage_backend,
        bucket=client.bucket,
        runtime=client.compute.runtime,
        timeout=float(spec.options.timeout or client.config["lithops"]["execution_timeout"]),
        host=socket.gethostname(),
        created=round(time.time(), 3),
    )


def submit_round(
    client: LithopsClient,
    job: LithopsJob,
    spec: JobSpec,
    indices: Sequence[int] | None = None,
    batch_size: BatchSize | None = None,
    runtime_memory: int | None = None,
    record: Record | None = None,
) -> tuple[LithopsJob, list[Sequence[int]]]:
    """
    Sends items of a job.

    :param client: where it runs
    :param job: its value
    :param spec: what it does
    :param indices: the items to send; all if None
    :param batch_size: items per call, if it is to differ from the job's
    :param runtime_memory: MB, if it is to differ from the job's
    :param record: called with the new value before anything is sent, to store it
    :returns: the job's new value, and the indices of each call's items
    :raises SubmitError: the backend did not take them
    """
    wanted: Sequence[int] = range(job.items) if indices is None else indices
    options = spec.options
    memory = runtime_memory or options.runtime_memory
    calls = number_of_calls(
        len(wanted), batch_size or options.batch_size, client.compute.capacity(), options.max_concurrency
    )
    job = job.with_round(len(wanted), calls)
    plan = chunked(wanted, calls)
    if record is not None:
        record(job)
    prefix = job.round_prefix()
    blobs = spec.items if indices is None else [spec.items[index] for index in indices]
    client.put(job.items_key(), frames.pack(blobs))
    stored_plan = {
        "submitted": job.rounds[-1].submitted,
        "runtime_memory": memory,
        "calls": [_compact(piece) for piece in plan],
    }
    client.put(job.plan_key(), json.dumps(stored_plan).encode())
    longest = max(len(piece) for piece in plan)
    wanted_seconds = min(int(longest * job.timeout) + _CALL_OVERHEAD, _LONGEST_CALL)
    limit = client.compute.call_limit(wanted_seconds, job.job_ids[-1], memory)
    settings = {
        "bucket": job.bucket,
        "job_prefix": prefix,
        "items_key": job.items_key(),
        "stop_key": job.stop_key(),
        "timeout": min(job.timeout, limit * 0.95),  # so that the item is blamed, not the call
        "limit": float(limit),
        "flush": FLUSH_SECONDS,
        "part_size": PART_SIZE,
        "output_limit": OUTPUT_LIMIT,
        "once": client.compute.is_faas,
        "marked": client.compute.is_faas or job.backend == "localhost",
        "watched": job.backend != "localhost" or calls < _MANY_CALLS or job.timeout < _SHORT_TIMEOUT,
    }
    batch = CallBatch(
        executor_id=job.executor_id,
        job_id=job.job_ids[-1],
        function=dump_wrapper(spec.function, settings, swift="swift" in client.config, objects=spec.takes_object),
        function_name=spec.name,
        modules=spec.modules,
        calls=_call_data(plan, blobs),
        timeout=limit,
        runtime_memory=memory,
        extra_env=options.extra_env,
        include_modules=options.include_modules,
        exclude_modules=options.exclude_modules,
    )
    try:
        client.compute.submit(batch)
    except BaseException:
        client.put(job.stop_key(), b"stop")  # whatever of it was sent
        raise
    client.put(job.sent_key(), b"")
    logger.info(
        "Sent %d item(s) of %s in %d call(s) to %s as %s-%s",
        len(wanted), spec.name, calls, job.backend, job.executor_id, job.job_ids[-1],
    )  # fmt: skip
    return job, plan


def _compact(piece: Sequence[int]) -> list[int] | dict[str, int]:
    return {"first": piece.start, "stop": piece.stop} if isinstance(piece, range) else list(piece)


def load_plan(client: LithopsClient, job: LithopsJob, number: int = -1) -> list[Sequence[int]] | None:
    """
    Returns the items of each call of a round, or None if it came to nothing before its plan was stored.

    :param client: where the job runs
    :param job: its value
    :param number: which of its rounds
    """
    data = client.get(job.bucket, job.plan_key(number))
    if data is None:
        return None
    pieces = json.loads(data)["calls"]
    return [range(piece["first"], piece["stop"]) if isinstance(piece, dict) else piece for piece in pieces]


def load_memory(client: LithopsClient, job: LithopsJob) -> int | None:
    """
    Returns the MB that the last round was given, or None if it has the configured ones.

    :param client: where the job runs
    :param job: its value
    """
    data = client.get(job.bucket, job.plan_key())
    memory: int | None = None if data is None else json.loads(data).get("runtime_memory")
    return memory


def load_items(client: LithopsClient, job: LithopsJob) -> list[bytes] | None:
    """
    Returns a job's pickled items, or None if they were never stored.

    :param client: where the job runs
    :param job: its value
    """
    data = client.get(job.bucket, job.items_key(0), large=True) if job.rounds else None
    return None if data is None else [bytes(blob) for blob in frames.unpack(data)]


def _call_data(plan: list[Sequence[int]], blobs: list[bytes]) -> list[bytes]:
    """Returns the pickled argument of each call: which items it has, and where they lie in the items' object."""
    offsets = [0, *accumulate(frames.packed_size(blob) for blob in blobs)]
    data = []
    position = 0
    for number, piece in enumerate(plan):
        span = (offsets[position], offsets[position + len(piece)] - 1)
        position += len(piece)
        call = {"call_id": f"{number:05d}", "indices": piece, "span": span}
        data.append(pickle.dumps({"call": call}))
    return data
