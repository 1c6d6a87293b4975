"""Sends the calls of a job to a backend. compute.py imports it when the backend is opened, since it imports Lithops."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

from lithops.invokers import BatchInvoker, FaaSInvoker, _format_call_id
from lithops.utils import iterchunks

from lithops_provider.jobs.errors import SubmitError

#: Seconds for which a backend may refuse an invocation, or not be reached, before the submission fails.
_REFUSED_FOR = 300.0
#: Seconds before an invocation is tried again: doubled each time, up to the second number.
_RETRY_DELAY = (0.5, 10.0)
#: How backends that don't return None for it say in an error that too many calls run, or are sent, at once.
_REFUSAL = re.compile(r"\b429\b|TooManyRequests|Throttl")


class _HaltedError(Exception):
    """Another call could not be sent, or whoever waits was interrupted."""


class _UnreachableError(BaseException):
    """Lithops's loop around the request, which catches every Exception, is left by this one."""


class DetachedBatchInvoker(BatchInvoker):  # type: ignore[misc]
    """Sends all calls of a job in one request, and makes no futures of them."""

    def _build_futures(self, job: SimpleNamespace) -> list[Any]:
        return []


class DetachedFaaSInvoker(FaaSInvoker):  # type: ignore[misc]
    """Has sent every call of a job when it returns. Lithops's own leaves what exceeds max_workers to threads."""

    def _build_futures(self, job: SimpleNamespace) -> list[Any]:
        return []

    def _invoke_job(self, job: SimpleNamespace) -> None:
        self.compute_handler.pre_invoke(job)
        if self.remote_invoker:
            self._invoke_job_remote(job)
            return
        halt = threading.Event()
        if self.backend == "aws_lambda":
            limit_retries(self.compute_handler.backend.session, halt)
        with ThreadPoolExecutor(self.invoke_pool_threads) as pool:
            chunks = iterchunks(range(job.total_calls), job.chunksize or 1)
            try:
                for _ in pool.map(lambda chunk: self._invoke_chunk(job, chunk, halt), chunks):
                    pass
            except BaseException:  # also what interrupts this thread
                halt.set()
                raise

    def _invoke_chunk(self, job: SimpleNamespace, calls: Iterable[int], halt: threading.Event) -> None:
        payload = self._create_payload(job)
        indices = list(calls)
        payload["call_ids"] = [_format_call_id(index) for index in indices]
        if job.data_key:
            payload["data_byte_ranges"] = [job.data_byte_ranges[index] for index in indices]
        else:
            del payload["data_byte_ranges"]
            payload["data_byte_strs"] = [job.data_byte_strs[index] for index in indices]
        give_up = time.monotonic() + _REFUSED_FOR
        delay, longest = _RETRY_DELAY
        while not self._is_taken(payload):
            if time.monotonic() > give_up:
                raise SubmitError(
                    f"{self.backend} refused invocations for {_REFUSED_FOR:g} s; is its concurrency limit below "
                    f"max_workers = {self.max_workers}?"
                )
            if halt.wait(delay):
                raise _HaltedError
            delay = min(delay * 2, longest)

    def _is_taken(self, payload: dict[str, Any]) -> bool:
        """Sends a call, and tells whether the backend took it; it refuses when too many run at once."""
        try:
            return bool(self.compute_handler.invoke(payload))
        except _UnreachableError as error:
            raise SubmitError(f"{self.backend} can't be reached: {error}") from error.__cause__
        except Exception as error:
            if _REFUSAL.search(str(error)):
                return False
            raise


def limit_retries(session: Any, halt: threading.Event) -> None:
    """
    Lets ``aws_lambda``, which sends a request again for ever and without a pause if it fails, pause and give up.

    :param session: what it sends them with
    :param halt: give up when it is set
    """
    send = type(session).send
    failing = threading.local()

    def send_or_give_up(request: Any) -> Any:
        try:
            response = send(session, request)
        except Exception as error:
            now = time.monotonic()
            first, delay = getattr(failing, "since", (now, _RETRY_DELAY[0]))
            if now - first > _REFUSED_FOR or halt.wait(delay):
                raise _UnreachableError(f"{type(error).__name__}: {error}") from error
            failing.since = (first, min(delay * 2, _RETRY_DELAY[1]))
            raise
        vars(failing).clear()
        return response

    session.send = send_or_give_up
