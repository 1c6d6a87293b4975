"""What Lambda does and a process on this machine doesn't: Lithops's own invoker and function, on an emulator."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from lithops_provider.jobs.adapter import invokers
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.errors import SubmitError
from tests.backends.backends import Servers
from tests.backends.conftest import Connected, add_connection, connect
from tests.backends.functions import add
from tests.backends.test_backends import begun, done

Send = Callable[[Any, Any], Any]


@pytest.fixture(scope="module")
def connected(servers: Servers) -> Iterator[Connected]:
    with pytest.MonkeyPatch.context() as patch:
        yield connect("aws_lambda", servers, patch)


def answer_first(patch: pytest.MonkeyPatch, answer: Send) -> list[str]:
    """Lets something else answer invocations than the server; returns a list of all that were sent."""
    from botocore.httpsession import URLLib3Session

    send = URLLib3Session.send
    sent: list[str] = []

    def answered(session: Any, request: Any) -> Any:
        if request.url.endswith("/invocations") and request.headers.get("X-Amz-Invocation-Type") in ("Event", b"Event"):
            sent.append(request.url)
            return answer(session, request) or send(session, request)
        return send(session, request)

    patch.setattr(URLLib3Session, "send", answered)
    return sent


def test_functions_run_from_lithopss_zip_file_and_layer_without_this_package(connected: Connected) -> None:
    def look(x: int) -> list[str]:
        import cloudpickle
        import lithops

        try:
            import lithops_provider
        except ModuleNotFoundError:
            return [lithops.__file__, cloudpickle.__file__]
        return [lithops_provider.__file__]

    ((code, layer),) = done(connected.client(), "map", bind_items(look, [1])).results()

    assert code.endswith("/code/lithops/__init__.py")
    assert layer.endswith("/python/cloudpickle/__init__.py")
    assert "site-packages" not in code + layer


def test_throttled_invocations_are_sent_again(connected: Connected, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = [SimpleNamespace(status_code=429, text='{"Reason": "ConcurrentInvocationLimitExceeded"}')] * 3
    sent = answer_first(monkeypatch, lambda session, request: refusals.pop() if refusals else None)
    run = done(connected.client(), "map", bind_items(add, [1, 2]), batch_size=1)

    assert run.results() == [2, 3]
    assert len(sent) == 5


def test_an_address_that_nobody_answers_at_is_an_error(connected: Connected, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lithops would ask again for ever."""
    client = connected.client()
    assert done(client, "map", bind_items(add, [1])).results() == [2]

    def refuse(session: Any, request: Any) -> Any:
        raise ConnectionRefusedError("nobody listens")

    monkeypatch.setattr(invokers, "_REFUSED_FOR", 1.0)
    sent = answer_first(monkeypatch, refuse)
    with pytest.raises(SubmitError, match="aws_lambda can't be reached: ConnectionRefusedError: nobody listens"):
        begun(client, "map", bind_items(add, [1]))

    assert len(sent) < 20


@pytest.mark.thorough  # tests/jobs/test_run.py does it on a backend that is quick, and has the same time limit
def test_what_a_lambda_has_no_time_for_is_sent_again(connected: Connected, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(x: int) -> int:
        import time

        time.sleep(1)
        return x

    # Another memory makes it another function: the time limit of one that is there stays as it is.
    settings = {**connected.extra["aws_lambda"], "runtime_timeout": 8, "runtime_memory": 512}
    add_connection(monkeypatch, "lithops_short", {**connected.extra, "aws_lambda": settings})
    run = done(connected.client("lithops_short"), "map", bind_items(wait, range(4)), batch_size=4)

    assert run.results() == [0, 1, 2, 3]
    assert len(run.job.rounds) > 1


def test_a_call_that_dies_tells_when_aws_starts_it_again(connected: Connected) -> None:
    """As when a Lambda runs out of memory: no process of it is left to tell."""

    def die_once(x: int, storage: Any, mark: str) -> int:
        import itertools

        import psutil

        if x == 1 and not storage.list_keys(storage.bucket, mark):
            storage.put_object(storage.bucket, mark, b"")
            own = psutil.Process()
            lineage = itertools.takewhile(lambda process: "_LAMBDA_TIMEOUT" in process.environ(), own.parents())
            for process in reversed([own, *lineage]):
                process.kill()
        return x

    mark = f"marks/{uuid.uuid4().hex}"
    run = done(connected.client(), "map", bind_items(die_once, [0, 1], {"mark": mark}), batch_size=2)

    assert run.results() == [0, 1]
    assert [entry.calls for entry in run.job.rounds] == [1, 2]
