"""A function that looks around in a runtime."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from lithops_provider.connection.probe import _make_function, _problems, probe_runtime
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import SubmitError
from lithops_provider.jobs.remote.keys import JOBS_PREFIX, STOP
from tests.jobs import process_faas
from tests.jobs.conftest import FaasMaker, _no_runner_is_left, client, faas

__all__ = ["_no_runner_is_left", "client", "faas"]  # fixtures


class Objects:
    """A storage, as far as the function needs one."""

    def __init__(self, here: bytes) -> None:
        self.objects = {"k/here": here}

    def get_object(self, bucket: str, key: str) -> bytes:
        return self.objects[key]

    def put_object(self, bucket: str, key: str, data: Any) -> None:
        self.objects[key] = data


def found(**changed: Any) -> dict[str, Any]:
    from lithops import __version__

    return {"python": sys.version.split()[0], "lithops": __version__, **changed}


def test_it_writes_what_it_finds_as_json() -> None:
    import json

    storage = Objects(b"from here")
    _make_function()(storage, "k", "bucket")

    told = json.loads(storage.objects["k/there"])
    assert (told["python"], told["lithops"]) == (found()["python"], found()["lithops"])
    assert "lithops" in told["packages"]


def test_a_storage_that_reads_something_else_there_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="reads b'other' there"):
        _make_function()(Objects(b"other"), "k", "bucket")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({}, ""),
        ({"python": "3.6.1"}, "the runtime has Python 3.6.1, this process Python 3."),
        ({"python": sys.version.split()[0].rpartition(".")[0] + ".99"}, ""),
        ({"lithops": "2.9.0"}, "the runtime has Lithops 2.9.0, this process Lithops "),
    ],
    ids=["the same", "another Python", "another patch release", "another Lithops"],
)
def test_what_would_keep_jobs_from_running(changed: dict[str, Any], problem: str) -> None:
    problems = _problems(found(**changed))

    assert len(problems) == bool(problem)
    assert "".join(problems).startswith(problem)


class Changing(LithopsClient):
    """A storage that changes what functions are to read."""

    def put(self, key: str, data: bytes) -> None:
        super().put(key, b"other" if key.endswith("/here") else data)


def test_a_function_that_fails_is_an_error_and_leaves_nothing(client: LithopsClient) -> None:
    before = set(client.keys(client.bucket, f"{JOBS_PREFIX}/"))

    with pytest.raises(
        SubmitError, match=r"^the function failed on localhost: RuntimeError: an object .* b'other' there"
    ):
        probe_runtime(Changing(client.config))

    assert set(client.keys(client.bucket, f"{JOBS_PREFIX}/")) == before


def test_a_function_that_does_not_come_back_is_an_error_and_is_stopped(faas: FaasMaker) -> None:
    client = faas()
    process_faas.hold = True
    before = set(client.keys(client.bucket, f"{JOBS_PREFIX}/"))

    with pytest.raises(SubmitError, match=r"nothing was heard of it for 0.001 s: it can't start in the runtime"):
        probe_runtime(client, wait=0.001)

    left = {key.rpartition("/")[2] for key in set(client.keys(client.bucket, f"{JOBS_PREFIX}/")) - before}
    assert STOP in left
    assert "here" not in left
