"""
Reads the outcomes that a round's calls have stored, and finds out why items have none. `JobRun` and wait.py call it
once a round is over.
"""

from __future__ import annotations

import ast
import logging
import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.client import READ_SECONDS, LithopsClient
from lithops_provider.jobs.gather.call_ends import log_of_call
from lithops_provider.jobs.gather.headers import read_header
from lithops_provider.jobs.gather.interrupts import noticed_interrupts
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.items import MAX_MESSAGE, MAX_TYPE, describe
from lithops_provider.jobs.remote.keys import BEGUN, STATUS, call_id
from lithops_provider.jobs.remote.outcomes import Outcomes, Part
from lithops_provider.jobs.remote.output import storable
from lithops_provider.jobs.remote.parts import DamagedPartError, parse_part_name
from lithops_provider.jobs.remote.results import READERS, current_parts, read_outcomes

if TYPE_CHECKING:
    from lithops_provider.jobs.remote.output import ItemFailure

logger = logging.getLogger(__name__)

#: Items whose headers are in memory at a time, each with some 40 bytes: so a task's memory doesn't grow with its items.
_ROWS_AT_ONCE = 1 << 18
#: Characters of the end of a call's log that a failure has; and among which the beginning of the function's is sought.
_LOG_TAIL, _MOST_LOG = 2_000, 1 << 20
#: What Lithops's worker writes before it calls the function (lithops.worker.jobrunner).
_FUNCTION_LOG = "---------------------- FUNCTION LOG ----------------------"


@dataclass(frozen=True)
class MissingItems:
    """
    Items of a call that have no outcome.

    :param indices: the items
    :param alone: whether the call had only one item
    :param reason: the failure that they get; None if the call ended well and had no time left for them
    :param begun: whether the call has stored the marker that says that it has begun to run items
    """

    indices: list[int]
    alone: bool
    reason: ItemFailure | None
    begun: bool


def gather_outcomes(client: LithopsClient, job: LithopsJob, number: int = -1, *, results: bool = True) -> Outcomes:
    """
    Reads the outcomes that a round has stored.

    :param client: where the job runs
    :param job: the job
    :param number: which of its rounds
    :param results: whether to read the results, too, which may be large
    """
    prefix = job.round_prefix(number)

    def read() -> Outcomes:
        keys = current_parts(client.keys(job.bucket, f"{prefix}/"))
        damaged: list[str] = []
        if results:
            outcomes = read_outcomes(client.storage, job.bucket, keys, damaged)
        else:
            outcomes = _read_headers(client, job.bucket, keys, damaged)
        for key in damaged:
            logger.warning("%s is damaged, cut off for instance, and is taken to be missing", key)
        return outcomes

    # Each repetition lists the parts again, since a call that still runs replaces its parts.
    return client.patiently(read, f"reading the parts of {prefix}", READ_SECONDS)


def _read_headers(client: LithopsClient, bucket: str, keys: list[str], damaged: list[str]) -> Outcomes:
    outcomes = Outcomes()

    def read(key: str) -> Part | None:
        try:
            header = read_header(client, bucket, key)
            if header is None:
                raise FileNotFoundError(f"{key} is gone")
            return Part(header)
        except DamagedPartError:
            damaged.append(key)
            return None

    with ThreadPoolExecutor(READERS) as pool:
        for some in _few_rows(keys):
            for part in pool.map(read, some):
                if part is not None:
                    outcomes.add_part(part)
    return outcomes


def _few_rows(keys: list[str]) -> Iterator[list[str]]:
    """Yields keys of parts that have at most `_ROWS_AT_ONCE` items together, unless a single part has more."""
    some: list[str] = []
    together = 0
    for key in keys:
        name = parse_part_name(key.rpartition("/")[2])
        rows = 0 if name is None else name.done - name.first
        if some and together + rows > _ROWS_AT_ONCE:
            yield some
            some, together = [], 0
        some.append(key)
        together += rows
    yield some


def find_missing(
    client: LithopsClient,
    job: LithopsJob,
    plan: Sequence[Sequence[int]],
    outcomes: Outcomes,
    lost: str | None,
) -> list[MissingItems]:
    """
    Finds out why items of the last round have no outcome.

    :param client: where the job runs
    :param job: the job
    :param plan: the items of each call
    :param outcomes: what was gathered
    :param lost: why calls that never reported are given up; None if all have reported
    """
    missing = []
    begun = begun_calls(client, job) if lost is not None else frozenset()
    for number, indices in enumerate(plan):
        without = outcomes.missing(indices)
        if without:
            call = call_id(number)
            reason = _why(client, job, call, lost)
            missing.append(MissingItems(without, len(indices) == 1, reason, lost is None or call in begun))
    return missing


def begun_calls(client: LithopsClient, job: LithopsJob, number: int = -1) -> frozenset[str]:
    """
    Returns the ids of a round's calls that have stored the marker that says that they have begun to run items.

    :param client: where the job runs
    :param job: the job
    :param number: which of its rounds
    """
    keys = client.keys(job.bucket, f"{job.round_prefix(number)}/")
    return frozenset(key.split("/")[-2] for key in keys if key.endswith(f"/{BEGUN}"))


def _why(client: LithopsClient, job: LithopsJob, call: str, lost: str | None) -> ItemFailure | None:
    status = client.get_json(job.bucket, f"{job.round_prefix()}/{call}/{STATUS}")
    if status is None:
        message = lost or "the call never reported"
        return {"type": "CallLostError", "message": f"call {call}: {message}", "traceback": ""}
    if not status.get("exception"):
        return None  # the call ended well, and had no time left for these items
    kind, message = _exception_of(status)
    return {"type": kind, "message": f"call {call}: {message}", "traceback": _log_of(status)}


def _exception_of(status: dict[str, Any]) -> tuple[str, str]:
    """Reads Lithops's ``exc_info``: the repr of a pickled (type, value, traceback), or of a dict of texts."""
    with noticed_interrupts() as interrupts:
        try:
            kind, text = _read_exception(pickle.loads(ast.literal_eval(status["exc_info"])))
        except BaseException as error:
            if interrupts.came:
                raise
            kind, text = "Error", f"its exception can't be read here: {describe(error)['message']}"
    return storable(kind, MAX_TYPE), storable(text, MAX_MESSAGE)


def _read_exception(info: Any) -> tuple[str, str]:
    if isinstance(info, dict):
        return str(info.get("exc_type", "Error")), str(info.get("exc_value", ""))
    kind, value, _ = info
    arguments: tuple[Any, ...] = getattr(value, "args", ())
    # Lithops raises errors of its own worker with these two arguments.
    text = str(arguments[1]) if len(arguments) == 2 and arguments[0] == "HANDLER" else str(value)
    return getattr(kind, "__name__", "Error"), text


def _log_of(status: dict[str, Any]) -> str:
    """Returns the end of what the worker of a call has logged since it called the function."""
    return log_of_call(status, _MOST_LOG).rpartition(_FUNCTION_LOG)[2].strip()[-_LOG_TAIL:]
