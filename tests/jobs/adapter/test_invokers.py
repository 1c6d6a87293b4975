"""What a backend answers to an invocation, and what becomes of the job then."""

from __future__ import annotations

import inspect
import threading
from typing import Any

import pytest

from lithops_provider.jobs.adapter import invokers
from lithops_provider.jobs.adapter.runtimes.metadata import read_metadata
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.errors import SubmitError
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.run import JobRun
from lithops_provider.jobs.submit.spec import Options, make_spec
from tests.jobs import process_faas
from tests.jobs.conftest import FaasMaker
from tools.waiting import HANGS, wait_until


@pytest.mark.parametrize(
    ("status", "complaint"),
    [(401, "process_faas refused the credentials with status 401"), (404, "isn't deployed on process_faas any more")],
)
def test_a_refusals_status_is_no_activation(
    faas: FaasMaker, monkeypatch: pytest.MonkeyPatch, status: int, complaint: str
) -> None:
    """Else the job would be waited for until its calls count as lost."""
    monkeypatch.setattr(process_faas.ServerlessBackend, "invoke", lambda *args: status)

    with pytest.raises(SubmitError, match=complaint):
        JobRun(faas(), make_spec("map", *bind_items(abs, [1]))).submit()


def test_a_runtime_that_is_gone_is_deployed_by_the_next_try(faas: FaasMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    client = faas(runtime_memory=128)
    asked = []
    tell = process_faas.ServerlessBackend._generate_runtime_meta

    def count(*arguments: Any) -> Any:
        asked.append(arguments)
        return tell(*arguments)

    monkeypatch.setattr(process_faas.ServerlessBackend, "invoke", lambda *args: 404)
    monkeypatch.setattr(process_faas.ServerlessBackend, "_generate_runtime_meta", count)
    read_metadata(client.compute, None)
    before = len(asked)
    with pytest.raises(SubmitError, match="the next try deploys it"):
        JobRun(client, make_spec("map", *bind_items(abs, [1]))).submit()
    read_metadata(client.compute, None)

    assert len(asked) == before + 1


def test_a_job_is_stopped_though_a_request_lasts_as_long_as_its_call(
    faas: FaasMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Knative and Google Cloud Run. When sending is given up, the call would else go on to its end."""
    client = faas()
    recorded: list[LithopsJob] = []
    begun, stopped = threading.Event(), threading.Event()

    def invoke(backend: Any, runtime_name: str, memory: int, payload: dict[str, Any]) -> str:
        if payload["call_ids"] == ["00000"]:
            assert begun.wait(HANGS)
            raise ValueError("the service has had enough")
        begun.set()
        wait_until(lambda: client.get(client.bucket, recorded[-1].stop_key()))
        stopped.set()
        return "an-activation"

    monkeypatch.setattr(process_faas.ServerlessBackend, "invoke", invoke)
    monkeypatch.setattr(invokers, "_SENDING_ENDS", 0.2)
    run = JobRun(client, make_spec("map", *bind_items(abs, [1, 2]), Options(batch_size=1)), recorded.append)
    with pytest.raises(ValueError, match="had enough"):
        run.submit()

    assert stopped.wait(HANGS)


def test_lithops_returns_statuses_as_if_they_were_ids() -> None:
    """When it raises instead, `_refusal` can go."""
    from lithops.libs.openwhisk.client import OpenWhiskClient

    assert inspect.getsource(OpenWhiskClient.invoke).count("return resp_status") == 2
