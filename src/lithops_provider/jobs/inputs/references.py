"""
Makes items or arguments out of the results of other jobs, by reference. This process only reads where each result lies,
from the headers of parts; the results themselves go from storage straight to the functions. The operators call it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.binding.function import Binding, bind_function
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError, StorageUnavailableError, UpstreamFailedError
from lithops_provider.jobs.gather.headers import read_header
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.parts import DamagedPartError, Header
from lithops_provider.jobs.remote.results import READERS, current_parts
from lithops_provider.jobs.submit.plan import load_plan
from lithops_provider.jobs.wait import look_at_job, wait_for_job

if TYPE_CHECKING:
    from lithops_provider.jobs.remote.frames import Arguments, Reference, Special
    from lithops_provider.jobs.remote.output import ItemFailure

logger = logging.getLogger(__name__)


#: What the user can choose for items that failed upstream: leave them out, or have them fail here, too.
UPSTREAM_FAILURES = ("omit", "propagate")

#: Bytes of neighbouring results that a function reads in one request, so that small ones don't take one each.
_WINDOW = 256 << 10
_NO_OUTCOME: ItemFailure = {"type": "CallLostError", "message": "it has no outcome"}


def is_reference(value: object) -> bool:
    """Tells whether a value stands for the results of jobs: it is a job's value, or a list of such values."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(LithopsJob.is_value(entry) for entry in value)
    return LithopsJob.is_value(value)


def check_not_expanded(value: object) -> None:
    """
    Checks that the items aren't a piece of a job's value: Airflow's ``.expand`` would take the value, a dict, apart and
    give each key with its value to a task of its own.

    :raises InvalidInputError: they are such a piece
    """
    if isinstance(value, (list, tuple)) and len(value) == 2 and str(value[0]) in _VALUE_KEYS:
        raise InvalidInputError(
            f"the items are {value[0]!r} and its value, a piece of a Lithops job's value: .expand can't go over the "
            "results of a job, which it doesn't know. Give the job's value as map_iterdata itself: its results become "
            "the items, all in this one task"
        )


_VALUE_KEYS = frozenset({"lithops_job", *LithopsJob.__dataclass_fields__} - {"unknown"})


def bind_references(
    client: LithopsClient,
    function: Callable[..., Any],
    value: Any,
    extra_args: Any = None,
    *,
    argument: str | None = None,
    failures: str = "omit",
    timeout: float | None = None,
) -> tuple[Binding, list[Arguments]]:
    """
    Binds a map whose items are the results of other jobs, in the order of their items.

    As with other items, a result that is a tuple gives positional arguments, a dict keyword arguments, and anything
    else the first argument.

    :param client: where the jobs are
    :param function: the user's function
    :param value: the value of a job, or a list of such
    :param extra_args: see `lithops_provider.jobs.binding.function.bind_function`
    :param argument: if given, each item becomes this keyword argument, whatever its type
    :param failures: ``omit``: items that failed upstream are left out; ``propagate``: they fail here, too
    :param timeout: seconds to wait at most for jobs that are not over
    :raises InvalidInputError: the function takes objects, or not the argument
    :raises JobTimeoutError: a job is not over in time
    """
    binding = bind_function(function, extra_args, parameter="map_function")
    if binding.takes_object:
        raise InvalidInputError(
            f"{binding.name} has a parameter 'obj', so its items are paths, which have to be known before: give it the "
            "upstream's results themselves (get_result=True), not its job"
        )
    if argument is not None:
        binding.check((), {argument: None}, "each result of the upstream job")
    items: list[Arguments] = []
    for job in referenced_jobs(client, value, timeout):
        for index, (where, failure) in enumerate(locate_results(client, job)):
            if failure is None:
                items.append(((), {}, {"result": (argument, index, job.bucket, *where)}))
            elif failures == "propagate":
                text = f"item {index} of job {job.executor_id} failed: {failure.get('type')}: {failure.get('message')}"
                items.append(((), {}, {"failed": text}))
    return binding, items


def fill_references(
    client: LithopsClient, item: Sequence[Any], *, failures: str = "omit", timeout: float | None = None
) -> Arguments:
    """
    Replaces values of jobs among the arguments of a single call by references, through which the function gets the
    results. A job of a single call becomes its result, any other job the list of its results.

    :param client: where the jobs are
    :param item: from `lithops_provider.jobs.binding.function.bind_call`
    :param failures: ``omit``: the results of items that failed are left out; ``propagate``: they are an error
    :param timeout: see `bind_references`
    :raises UpstreamFailedError: items failed
    """
    args, kwargs, *more = item
    special: Special = more[0].copy() if more and more[0] else {}
    found = [(place, value) for place, value in (*enumerate(args), *kwargs.items()) if is_reference(value)]
    if not found:
        return (args, kwargs, special or None)
    special["results"] = [
        (place, *_as_results(referenced_jobs(client, value, timeout), client, failures)) for place, value in found
    ]
    places = {place for place, _ in found}
    return (
        tuple(value for place, value in enumerate(args) if place not in places),
        {name: value for name, value in kwargs.items() if name not in places},
        special,
    )


def referenced_jobs(client: LithopsClient, value: Any, timeout: float | None = None) -> list[LithopsJob]:
    """
    Returns the jobs that a value stands for. Waits until all of them are over.

    :param client: where they are
    :param value: the value of a job, or a list of such
    :param timeout: seconds to wait at most for each
    :raises StorageUnavailableError: one isn't in the client's storage and bucket, or its data is gone
    :raises JobTimeoutError: one is not over in time
    """
    jobs = [LithopsJob.from_dict(entry) for entry in (value if isinstance(value, (list, tuple)) else [value])]
    for job in jobs:
        client.check_holds(job)
        if load_plan(client, job) is None:  # without this check all of its items would seem to have failed
            raise StorageUnavailableError(
                f"the data of job {job.executor_id} is gone from {job.storage}://{job.bucket}: run its task again"
            )
        over, progress = look_at_job(client, job)
        if not over:
            logger.info("Waiting for job %s: %d of %d items are done", job.executor_id, progress.done, job.items)
            wait_for_job(client, job, timeout=timeout)
    return jobs


def _as_results(jobs: list[LithopsJob], client: LithopsClient, failures: str) -> tuple[list[Reference], bool]:
    """Returns the references by which a function reads results, and whether its argument is the only one of them."""
    single = len(jobs) == 1 and jobs[0].items == 1 and jobs[0].kind != "map"
    if single or failures == "propagate":
        for job in jobs:
            failed = [failure for _, failure in locate_results(client, job) if failure is not None]
            if failed:
                raise UpstreamFailedError(
                    f"{len(failed)} of {job.items} item(s) of the upstream job {job.executor_id} failed: "
                    f"{failed[0].get('type')}: {failed[0].get('message')}"
                )
    return [job.reference() for job in jobs], single


def locate_results(client: LithopsClient, job: LithopsJob) -> list[tuple[tuple[Any, ...], ItemFailure | None]]:
    """
    Returns a pair for each item. The first is where its result is: the part's key, the bytes to read at once, and the
    bytes of the result in the part. The second is why the item failed, or None.

    :param client: where the job is
    :param job: its value; it has to be over
    :raises UpstreamFailedError: a part is damaged, and an item has no outcome elsewhere
    """
    found: list[tuple[tuple[Any, ...], ItemFailure | None]] = [((), _NO_OUTCOME)] * job.items
    damaged: list[str] = []
    for key, header in _read_headers(client, job, damaged):
        for index, where in _results(key, header):
            if found[index][1] is not None:  # of two results the first counts, as for whoever gathers the job
                found[index] = (where, None if where else header.failures[index])
    if damaged and any(failure is _NO_OUTCOME for _, failure in found):  # else what these have held was run again
        raise UpstreamFailedError(
            f"results of the upstream job {job.executor_id} can't be read, {damaged[0]}; clear the task that has sent "
            "it"
        )
    return found


def _read_headers(client: LithopsClient, job: LithopsJob, damaged: list[str]) -> Iterator[tuple[str, Header]]:
    """
    Yields the keys and the headers of a job's parts, those of later rounds later.

    :param damaged: takes the keys of parts that aren't whole, each with what is wrong with it
    """
    keys = [
        key
        for number in range(len(job.rounds))
        for key in sorted(current_parts(client.keys(job.bucket, f"{job.round_prefix(number)}/")))
    ]

    def read(key: str) -> Header | None:
        try:
            return read_header(client, job.bucket, key, job.items)
        except DamagedPartError as error:
            damaged.append(f"{key}: {error}")
            return None

    with ThreadPoolExecutor(READERS) as pool:
        for key, header in zip(keys, pool.map(read, keys), strict=True):
            if header is not None:
                yield key, header


def _results(key: str, header: Header) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yields the index of each item of a part, and where its result is: an empty tuple for an item that failed."""
    window: list[tuple[int, int, int]] = []
    for index in header.failures:
        yield index, ()
    for span in header.spans():
        if window and span[2] - window[0][1] > _WINDOW:
            yield from _placed(key, window)
            window = []
        window.append(span)
    yield from _placed(key, window)


def _placed(key: str, window: list[tuple[int, int, int]]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    if window:
        span = (window[0][1], window[-1][2])
        for index, start, end in window:
            yield index, (key, span, (start, end))
