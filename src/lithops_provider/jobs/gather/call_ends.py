"""
Reads how single calls have ended while others of their round still run. It unpickles nothing, so that Airflow's
scheduler and API server may call it: the executor and the job page do.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import Any

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.follow.follower import CallState
from lithops_provider.jobs.gather.headers import read_header
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.items import MAX_TRACEBACK
from lithops_provider.jobs.remote.keys import STATUS, call_id
from lithops_provider.jobs.remote.output import storable
from lithops_provider.jobs.remote.parts import DamagedPartError
from lithops_provider.jobs.remote.results import current_parts

#: Characters kept of what the worker of a call has logged.
_LOG_TAIL = 4_000
#: Bytes of such a log that are decompressed at most. It comes from where a user's function ran, so it isn't trusted.
_MOST_LOG = 1 << 20


@dataclass(frozen=True)
class CallFailure:
    """
    Why the only item of a call has failed.

    :param type: name of the exception's class
    :param message: the exception's text
    :param traceback: the traceback as text
    :param output: what the item printed; if the call died, the end of its log
    """

    type: str
    message: str
    traceback: str = ""
    output: str = ""


def failure_of_call(client: LithopsClient, job: LithopsJob, number: int, state: CallState) -> CallFailure | None:
    """
    Returns why the only item of a call has failed.

    :param client: where the job runs
    :param job: the job; each call of its last round has one item
    :param number: the call's number
    :param state: the state of the call, which has an outcome or has ended
    :returns: None if the item has succeeded
    """
    if state.done:
        if not state.failed:
            return None
        return _reported(client, job, state) or CallFailure("Error", "what it reported can't be read")
    status = client.get_json(job.bucket, f"{job.round_prefix()}/{call_id(number)}/{STATUS}") or {}
    message = "the call ended without an outcome" if not status.get("exception") else "the call died"
    return CallFailure("CallDiedError", message, output=log_of_call(status))


def _reported(client: LithopsClient, job: LithopsJob, state: CallState) -> CallFailure | None:
    for key in current_parts(state.parts):
        try:
            header = read_header(client, job.bucket, key, job.items)
        except DamagedPartError:
            continue
        if header is not None and header.failures:
            index, failure = next(iter(header.failures.items()))
            kind, message, traceback = (
                storable(str(failure.get(name, "")), MAX_TRACEBACK) for name in ("type", "message", "traceback")
            )
            return CallFailure(kind, message, traceback, header.output.get(index, ""))
    return None


def log_of_call(status: dict[str, Any], most: int = _LOG_TAIL) -> str:
    """
    Returns the end of what the worker of a call has logged. Only the first `_MOST_LOG` bytes of a log are read.

    :param status: Lithops's status of the call
    :param most: characters to return at most
    :returns: text that JSON and a database can hold; empty if there is no log, or what is there is damaged
    """
    logs = status.get("logs")
    if not isinstance(logs, str):
        return ""
    try:
        data = zlib.decompressobj().decompress(base64.b64decode(logs), _MOST_LOG)
    except (ValueError, zlib.error):
        return ""
    return storable(data.decode("utf-8", "replace")[-most:], most)
