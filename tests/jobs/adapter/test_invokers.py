"""What a backend answers to an invocation, and what becomes of the job then."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from lithops_provider.jobs.adapter.runtimes import read_metadata
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.errors import SubmitError
from lithops_provider.jobs.run import JobRun
from lithops_provider.jobs.submit.spec import make_spec
from tests.jobs import process_faas
from tests.jobs.conftest import FaasMaker


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


def test_lithops_returns_statuses_as_if_they_were_ids() -> None:
    """When it raises instead, `_refusal` can go."""
    from lithops.libs.openwhisk.client import OpenWhiskClient

    assert inspect.getsource(OpenWhiskClient.invoke).count("return resp_status") == 2
