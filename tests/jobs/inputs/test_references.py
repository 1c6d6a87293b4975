"""Results of one job as items or arguments of another, read by the functions."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import pytest

from lithops_provider.jobs.binding.function import bind_call, bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.errors import (
    InvalidInputError,
    JobTimeoutError,
    StorageUnavailableError,
    UpstreamFailedError,
)
from lithops_provider.jobs.inputs.references import bind_references, check_not_expanded, fill_references, is_reference
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.run import JobRun
from lithops_provider.jobs.submit.spec import Options, make_spec
from tests.jobs.conftest import POLL, MapStarter, finished
from tests.jobs.failures import Tally, fail_at_first


class Point(NamedTuple):
    x: int
    y: int


def fail_at_one(x: int) -> int:
    if x == 1:
        raise ValueError("one")
    return x * 10


def run_on(client: LithopsClient, function: Any, value: Any, extra: Any = None, **settings: Any) -> JobRun:
    """Maps over the results of other jobs."""
    options = {name: settings.pop(name) for name in ("batch_size",) if name in settings}
    spec = make_spec("map", *bind_references(client, function, value, extra, **settings), Options(**options))
    run = JobRun(client, spec, poll_interval=POLL)
    run.submit()
    run.finish()
    return run


def call(client: LithopsClient, function: Any, data: Any, **settings: Any) -> Any:
    """Calls once, with the values of jobs among the arguments."""
    binding, (item,) = bind_call(function, data)
    run = JobRun(client, make_spec("call", binding, [fill_references(client, item, **settings)]), poll_interval=POLL)
    run.submit()
    run.finish()
    (result,) = run.results()
    return result


@pytest.fixture(scope="module")
def value() -> dict[str, Any]:
    """A job that is over, for tests that only look: its results are 1 and 0."""
    return finished(LithopsClient(resolve_config()), *bind_items(abs, [1, 0])).job.to_dict()


# -- items -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "batch_size",
    ["auto", pytest.param(1, marks=pytest.mark.thorough), 7, pytest.param(1000, marks=pytest.mark.thorough)],
)
def test_results_become_items_in_their_order_whatever_the_calls(
    client: LithopsClient, run_map: MapStarter, batch_size: Any
) -> None:
    first = run_map(lambda x: x * x, range(20), batch_size=3)
    second = run_on(client, lambda x, y, id: (id, x + y), first.job.to_dict(), {"y": 1}, batch_size=batch_size)

    assert second.results() == [(x, x * x + 1) for x in range(20)]


def test_items_are_taken_as_they_would_be_by_value(client: LithopsClient, run_map: MapStarter) -> None:
    made = run_map(lambda x: [Point(x, 2), {"y": x, "x": 2}, None][x % 3], range(3))

    def show(x: Any, y: Any = "nothing") -> Any:
        return x, y

    assert run_on(client, show, made.job.to_dict()).results() == [(0, 2), (2, 1), (None, "nothing")]
    whole = run_on(client, show, made.job.to_dict(), argument="y", extra={"x": 0}).results()
    assert whole == [(0, (0, 2)), (0, {"y": 1, "x": 2}), (0, None)]


def test_results_of_any_size_are_read(client: LithopsClient, run_map: MapStarter) -> None:
    sizes = [0, 1, 3_000_000, 10, 300_000, 300_000, 5, 9_000_000, 2]
    made = run_map(lambda size: bytes([size % 251]) * size, sizes, max_concurrency=2)
    measured = run_on(client, lambda data: (len(data), data[:1]), made.job.to_dict())

    assert measured.results() == [(size, bytes([size % 251]) * min(size, 1)) for size in sizes]


def test_several_jobs_are_one_list_of_items(client: LithopsClient, run_map: MapStarter) -> None:
    values = [run_map(abs, numbers).job.to_dict() for numbers in ([1, 2], [3], [4, 5])]

    assert run_on(client, str, values).results() == ["1", "2", "3", "4", "5"]


def test_what_failed_at_first_is_there_if_it_succeeded_later(client: LithopsClient, tally: Tally) -> None:
    binding, items = bind_items(fail_at_first, range(3), {"tally": tally.path, "times": 1})
    run = JobRun(client, make_spec("map", binding, items), poll_interval=POLL, item_retries=1)
    run.submit()
    run.finish()

    assert len(run.job.rounds) == 2
    assert run_on(client, str, run.job.to_dict()).results() == ["0", "1", "2"]


def test_what_failed_is_left_out_or_fails_here_too(client: LithopsClient, run_map: MapStarter) -> None:
    value = run_map(fail_at_one, range(3)).job.to_dict()

    assert run_on(client, str, value).results() == ["0", "20"]
    propagated = run_on(client, str, value, failures="propagate")
    assert propagated.results() == ["0", None, "20"]
    (failure,) = propagated.failures()
    assert (failure.index, failure.type) == (1, "UpstreamItemFailedError")
    assert failure.message == f"item 1 of job {value['executor_id']} failed: ValueError: one"


def test_a_job_that_is_not_over_is_waited_for(client: LithopsClient, start_map: MapStarter) -> None:
    run = start_map(lambda x: time.sleep(1.0) or x, range(2))

    assert run_on(client, str, run.job.to_dict()).results() == ["0", "1"]


def test_a_job_whose_data_is_gone_is_an_error_not_an_empty_list(client: LithopsClient, run_map: MapStarter) -> None:
    made = run_map(abs, [1, 2])
    made.clean()
    with pytest.raises(StorageUnavailableError, match=r"the data of job .* is gone"):
        bind_references(client, str, made.job.to_dict())


def test_but_not_longer_than_allowed(client: LithopsClient, start_map: MapStarter) -> None:
    run = start_map(lambda x: time.sleep(3600), range(2))
    with pytest.raises(JobTimeoutError):
        bind_references(client, str, run.job.to_dict(), timeout=0.2)
    run.cancel()


def test_a_failing_item_is_named_by_where_it_comes_from(client: LithopsClient, value: dict[str, Any]) -> None:
    (failure,) = run_on(client, lambda x: 1 // x, value).failures()

    assert failure.item == "<result of item 1 of another job>"
    (failure,) = run_on(client, lambda y: 1 // y, value, argument="y").failures()
    assert failure.item == "y=<result of item 1 of another job>"


def test_an_argument_that_comes_twice_fails_its_item(client: LithopsClient, run_map: MapStarter) -> None:
    value = run_map(lambda x: {"y": x}, [1]).job.to_dict()
    (failure,) = run_on(client, lambda y: y, value, {"y": 2}).failures()

    assert "both give the parameter 'y'" in failure.message


def test_a_result_that_would_pass_a_parameter_that_is_filled_in_fails_its_item(
    client: LithopsClient, run_map: MapStarter
) -> None:
    def fetch(x: int, id: int, timeout: int = 10) -> Any:
        return x, id, timeout

    run = run_on(client, fetch, run_map(lambda x: (x, 5) if x else 7, [0, 1]).job.to_dict())

    assert run.results() == [(7, 0, 10), None]
    (failure,) = run.failures()
    assert failure.message.startswith("the upstream's result does not fit: an argument by position would become 'time")


def test_paths_cannot_come_by_reference(client: LithopsClient, value: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="has a parameter 'obj'"):
        bind_references(client, lambda obj: obj, value)


def test_an_argument_that_the_function_lacks_is_found_before(client: LithopsClient, value: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="each result of the upstream job does not fit"):
        bind_references(client, lambda x: x, value, argument="y")


# -- arguments -------------------------------------------------------------------------------------------------


def test_a_job_among_the_arguments_of_a_call_is_the_list_of_its_results(
    client: LithopsClient, run_map: MapStarter
) -> None:
    one, two = run_map(abs, [1, 2]).job.to_dict(), run_map(abs, [3]).job.to_dict()

    def show(*args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    assert call(client, show, [0, one, 9, two]) == ((0, [1, 2], 9, [3]), {})
    assert call(client, show, {"a": one, "b": [one, two], "c": 5}) == ((), {"a": [1, 2], "b": [1, 2, 3], "c": 5})


def test_a_job_of_one_call_is_its_result(client: LithopsClient) -> None:
    run = JobRun(client, make_spec("call", *bind_call(lambda: [1, 2])), poll_interval=POLL)
    run.submit()
    run.finish()

    assert call(client, sum, [run.job.to_dict()]) == 3


def test_failures_among_an_argument_are_left_out_or_an_error(client: LithopsClient, run_map: MapStarter) -> None:
    value = run_map(fail_at_one, range(3)).job.to_dict()

    assert call(client, sum, [value]) == 20
    with pytest.raises(UpstreamFailedError, match=r"1 of 3 item\(s\) of the upstream job .* failed: ValueError: one"):
        call(client, sum, [value], failures="propagate")


# -- what is one -----------------------------------------------------------------------------------------------


def test_what_is_a_reference(value: dict[str, Any]) -> None:
    assert is_reference(value)
    assert is_reference([value, value])
    for other in ([], {}, None, "text", [value, 1], {"x": value}):
        assert not is_reference(other)


def test_expand_over_a_job_is_said_to_be_impossible(value: dict[str, Any]) -> None:
    assert LithopsJob.is_value(value)
    for piece in value.items():  # what .expand makes of a dict
        with pytest.raises(InvalidInputError, match=r"\.expand can't go over the results of a job"):
            check_not_expanded(piece)
    check_not_expanded(["kind", "other", "words"])
    check_not_expanded([1, 2])
    check_not_expanded([value, value])
