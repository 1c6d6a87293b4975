"""
Sends the calls of a job to a backend, all of them before it returns. This module imports Lithops, so compute.py imports
it only when a backend is opened.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import SimpleNamespace
from typing import Any

from lithops.invokers import BatchInvoker, FaaSInvoker, _format_call_id
from lithops.utils import iterchunks
from lithops.version import __version__

from lithops_provider.jobs.adapter.workarounds.answers import AnswerError
from lithops_provider.jobs.errors import SubmitError

#: Seconds for which a backend may refuse an invocation, or not be reached, before the submission fails.
_REFUSED_FOR = 300.0
#: Seconds before an invocation is tried again: doubled each time, up to the second number.
_RETRY_DELAY = (0.5, 10.0)
#: What services answer if they don't accept the credentials, and if there is no such function.
_CREDENTIALS = (401, 403)
_NOT_FOUND = 404
#: Seconds that requests which are under way have to end when sending is given up. On `knative` and `gcp_cloudrun` a
#: request lasts as long as its call, and that only ends early once whoever called has stored that the job is stopped.
_SENDING_ENDS = 5.0
#: Some backends return None if too many calls run or are sent at once. Others raise an error with one of these texts.
_REFUSAL = re.compile(r"\b429\b|TooManyRequests|Throttl")


class _HaltedError(Exception):
    """Ends the threads that send calls, once one of them has failed or this process was interrupted."""


class _UnreachableError(BaseException):
    """Leaves Lithops's endless loop around a request. That loop catches every Exception, so this is none."""


class DetachedBatchInvoker(BatchInvoker):  # type: ignore[misc]
    """Sends all calls of a job in one request, and makes no futures of them."""

    def _build_futures(self, job: SimpleNamespace) -> list[Any]:
        return []


class DetachedFaaSInvoker(FaaSInvoker):  # type: ignore[misc]
    """
    Sends every call of a job before it returns. Lithops's own invoker leaves the calls beyond ``max_workers`` to
    threads, which end with this process.
    """

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
        chunks = iterchunks(range(job.total_calls), job.chunksize or 1)
        pool = ThreadPoolExecutor(self.invoke_pool_threads)
        sent: list[Future[None]] = []
        try:
            sent += [pool.submit(self._invoke_chunk, job, chunk, halt) for chunk in chunks]
            for request in sent:
                request.result()
        except BaseException:  # also what interrupts this thread
            halt.set()
            pool.shutdown(wait=False, cancel_futures=True)
            wait([request for request in sent if not request.cancelled()], _SENDING_ENDS)
            raise
        pool.shutdown()

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
        while (refusal := self._refused(payload)) is not None:
            if time.monotonic() > give_up:
                raise SubmitError(
                    f"{self.backend} refused invocations for {_REFUSED_FOR:g} s{refusal}; is its concurrency limit "
                    f"below max_workers = {self.max_workers}?"
                )
            if halt.wait(delay):
                raise _HaltedError
            delay = min(delay * 2, longest)

    def _refused(self, payload: dict[str, Any]) -> str | None:
        """
        Sends a call.

        :returns: None if the backend took it; else what it said, which may be nothing, and the call is sent again. It
            refuses a call when too many run at once
        """
        try:
            answer = self.compute_handler.invoke(payload)
        except _UnreachableError as error:
            raise SubmitError(f"{self.backend} can't be reached: {error}") from error.__cause__
        except AnswerError as error:
            if error.passes:
                return f", at last with {error}"
            raise SubmitError(self._refusal(error.status, payload, str(error))) from error
        except Exception as error:
            if _REFUSAL.search(str(error)):
                return f", at last with {error}"
            raise
        if isinstance(answer, int):  # `openwhisk` and `ibm_cf` return these two as if they were an activation's id
            raise SubmitError(self._refusal(answer, payload))
        return None if answer else ""

    def _refusal(self, status: int, payload: dict[str, Any], answer: str = "") -> str:
        """Says what a refused invocation means. A runtime that is gone is forgotten, so that it is deployed anew."""
        if status in _CREDENTIALS:
            return (
                f"{self.backend} refused the credentials with status {status}; check its section of the configuration"
            )
        if status != _NOT_FOUND:
            return f"{self.backend} refused an invocation: {answer}"
        name, memory = payload["runtime_name"], payload["runtime_memory"]
        self.internal_storage.delete_runtime_meta(self.compute_handler.get_runtime_key(name, memory, __version__))
        return (
            f"the runtime {name!r} with {memory} MB isn't deployed on {self.backend} any more; the next try deploys it"
        )


def limit_retries(session: Any, halt: threading.Event) -> None:
    """
    Makes Lithops's ``aws_lambda`` backend pause before it repeats a failed request, and give up after `_REFUSED_FOR`.
    By itself it repeats such a request without a pause, for ever.

    :param session: the session by which the backend sends its requests; its ``send`` is replaced
    :param halt: when it is set, requests that fail are given up at once
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
