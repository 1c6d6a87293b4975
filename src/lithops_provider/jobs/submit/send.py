"""
Sends a round of items. Once `submit_round` returns, the round needs nothing more of this process. `JobRun` and the
executor's sender call it.
"""

from __future__ import annotations

import itertools
import logging
import pickle
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lithops_provider.jobs.adapter.compute import CallBatch
from lithops_provider.jobs.adapter.refusals import explain_refusals
from lithops_provider.jobs.adapter.time_limit import at_once
from lithops_provider.jobs.client import READ_SECONDS, LithopsClient
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote import frames
from lithops_provider.jobs.remote.items import CallSettings
from lithops_provider.jobs.remote.keys import STOP_ALL, call_id
from lithops_provider.jobs.submit.batching import BatchSize, divide, number_of_calls
from lithops_provider.jobs.submit.cutting import CutBlocks, cut_items
from lithops_provider.jobs.submit.payload import dump_wrapper
from lithops_provider.jobs.submit.plan import store_plan
from lithops_provider.jobs.submit.runtime_check import check_runtime
from lithops_provider.jobs.submit.spec import JobSpec

if TYPE_CHECKING:
    from lithops_provider.jobs.remote.frames import CallItems

logger = logging.getLogger(__name__)

#: Seconds after which a call stores its outcomes again while it runs. The progress of a job is as fresh as that.
FLUSH_SECONDS = 3.0
#: Bytes of results after which a call begins another part.
PART_SIZE = 8 << 20
#: Bytes kept of what an item prints.
OUTPUT_LIMIT = 16 << 10
#: Seconds that a call may take at most if the backend has no limit of its own. Lithops's worker can't wait for longer.
_LONGEST_CALL = 7 * 24 * 3600
#: Seconds that a call gets beside its items' timeouts.
_CALL_OVERHEAD = 300

#: Characters of the function's name that a job's value has.
_MAX_NAME = 200

Record = Callable[[LithopsJob], None]


def new_job(client: LithopsClient, spec: JobSpec) -> LithopsJob:
    """
    Returns the value of a job that is yet to be sent.

    :param client: where it is to run
    :param spec: what it is to do
    :raises InvalidInputError: other processes would refuse the value, for too many items or a timeout that is too long
    """
    job = LithopsJob(
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
    try:
        LithopsJob.from_dict(job.to_dict())
    except InvalidInputError as error:
        raise InvalidInputError(f"the job can't be sent: {str(error).partition(': ')[2]}") from None
    return job


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
    :raises UnfitRuntimeError: the runtime lacks what the items need; nothing was sent
    :raises SubmitError: the backend did not take the calls
    """
    with explain_refusals(client.backend):
        check_runtime(client, spec, runtime_memory or spec.options.runtime_memory)
    planned = _plan_round(client, job, spec, indices, batch_size, runtime_memory)
    if record is not None:
        record(planned.job)
    with explain_refusals(client.backend):
        _send(client, planned, spec)
    return planned.job, planned.calls


@dataclass(frozen=True)
class _PlannedRound:
    """
    A round that is yet to be sent.

    :param job: the job's value with the round
    :param calls: the indices of each call's items
    :param blocks: the items of each call, in blocks
    :param runtime_memory: MB; None for the configured
    """

    job: LithopsJob
    calls: list[Sequence[int]]
    blocks: list[CutBlocks]
    runtime_memory: int | None


def _plan_round(
    client: LithopsClient,
    job: LithopsJob,
    spec: JobSpec,
    indices: Sequence[int] | None,
    batch_size: BatchSize | None,
    runtime_memory: int | None,
) -> _PlannedRound:
    """Decides which call gets which items."""
    wanted: Sequence[int] = range(job.items) if indices is None else indices
    options = spec.options
    size = batch_size or options.batch_size
    calls = number_of_calls(len(wanted), size, client.compute.capacity(), options.max_concurrency)
    pieces = divide(wanted, calls, client.compute.at_once() if size == "auto" else calls)
    return _PlannedRound(
        job=job.with_round(len(wanted), calls),
        calls=pieces,
        blocks=cut_items(spec.items, pieces),
        runtime_memory=runtime_memory or options.runtime_memory,
    )


def _send(client: LithopsClient, planned: _PlannedRound, spec: JobSpec) -> None:
    """Stores what the calls of a round need, and sends them."""
    job, options = planned.job, spec.options
    longest = max(len(piece) for piece in planned.calls)
    wanted_seconds = min(int(longest * job.timeout) + _CALL_OVERHEAD, _LONGEST_CALL)
    limit = client.compute.call_limit(wanted_seconds, job.job_ids[-1], planned.runtime_memory)
    settings = _call_settings(client, planned, limit)
    batch = CallBatch(
        executor_id=job.executor_id,
        job_id=job.job_ids[-1],
        function=dump_wrapper(
            spec.function, settings, swift="swift" in client.config, objects=spec.takes_object, reduces=spec.reduces
        ),
        function_name=spec.name,
        modules=spec.modules,
        imports_packages=spec.imports_packages,
        calls=_call_data(planned.calls, planned.blocks),
        timeout=limit,
        runtime_memory=planned.runtime_memory,
        extra_env=options.extra_env,
        include_modules=options.include_modules,
        exclude_modules=options.exclude_modules,
    )
    prepared, uploads = client.compute.prepare(batch)
    at_once(
        lambda: client.put_pieces(
            job.items_key(),
            lambda: frames.framed(itertools.chain.from_iterable(planned.blocks)),
            sum(of_call.size for of_call in planned.blocks),
        ),
        lambda: store_plan(client, job, planned.calls, planned.runtime_memory),
        *(partial(client.patiently, upload, "writing the function and its calls", READ_SECONDS) for upload in uploads),
    )
    try:
        client.compute.invoke(prepared)
    except BaseException:
        client.put(job.stop_key(), STOP_ALL)  # stops the calls that were sent
        raise
    client.put(job.sent_key(), b"")
    logger.info(
        "Sent %d item(s) of %s in %d call(s) to %s as %s-%s",
        job.rounds[-1].items,
        spec.name,
        len(planned.calls),
        job.backend,
        job.executor_id,
        job.job_ids[-1],
    )


def _call_settings(client: LithopsClient, planned: _PlannedRound, limit: int) -> CallSettings:
    job = planned.job
    return {
        "bucket": job.bucket,
        "job_prefix": job.round_prefix(),
        "items_key": job.items_key(),
        "stop_key": job.stop_key(),
        "timeout": min(job.timeout, limit * 0.95),  # shorter than the call's, so that the item is blamed
        "limit": float(limit),
        "flush": FLUSH_SECONDS,
        "part_size": PART_SIZE,
        "output_limit": OUTPUT_LIMIT,
        "once": client.compute.may_repeat,
        "marked": client.compute.may_repeat or job.backend == "localhost",
    }


def _call_data(plan: list[Sequence[int]], blocks: list[CutBlocks]) -> list[bytes]:
    """Returns the pickled argument of each call."""
    data = []
    end = 0
    for number, (piece, of_call) in enumerate(zip(plan, blocks, strict=True)):
        start, end = end, end + of_call.size
        span = (start, end - 1)
        call: CallItems = {"call_id": call_id(number), "indices": piece, "span": span}
        data.append(pickle.dumps({"call": call}))
    return data
