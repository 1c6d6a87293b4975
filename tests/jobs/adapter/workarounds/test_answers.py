"""What services answer to invocations, told apart: against a server, and against what Lithops makes of it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from lithops_provider.jobs.adapter.invokers import DetachedFaaSInvoker
from lithops_provider.jobs.adapter.workarounds.answers import CONNECTING, POSTING, AnswerError, _HTTPConnection, _post
from lithops_provider.jobs.errors import SubmitError
from tests.jobs.adapter.workarounds.sources import source_of


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(int(self.path[1:]))
        self.end_headers()
        self.wfile.write(b"its words")

    def log_message(self, format: str, *args: Any) -> None:
        """Is quiet."""


@pytest.fixture(scope="module")
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), _Answer) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_an_answer_that_is_no_success_has_its_status(server: HTTPServer, status: int) -> None:
    with pytest.raises(AnswerError, match=f"^{status} its words$") as posted:
        _post(f"http://127.0.0.1:{server.server_port}/{status}", data="{}", timeout=120)
    connection = _HTTPConnection(f"127.0.0.1:{server.server_port}")
    connection.request("POST", f"/{status}", body="{}")
    with pytest.raises(AnswerError, match=f"^{status} its words$") as connected:
        connection.getresponse()

    assert posted.value.status == connected.value.status == status
    assert posted.value.passes == (status in (429, 500, 503))


def test_a_success_is_returned(server: HTTPServer) -> None:
    assert _post(f"http://127.0.0.1:{server.server_port}/202", data="{}", timeout=120).text == "its words"


def invoker(error: Exception) -> Any:
    """Returns an invoker whose backend raises an error."""

    def invoke(payload: Any) -> Any:
        raise error

    found = DetachedFaaSInvoker.__new__(DetachedFaaSInvoker)
    handler = SimpleNamespace(invoke=invoke, get_runtime_key=lambda *names: "/".join(map(str, names)))
    found.backend, found.compute_handler = "knative", handler
    found.internal_storage = SimpleNamespace(delete_runtime_meta=lambda key: None)
    return found


PAYLOAD = {"runtime_name": "an-image", "runtime_memory": 256}


def test_a_busy_service_is_asked_again_and_quoted_in_the_end() -> None:
    assert invoker(AnswerError(503, "no instance"))._refused(PAYLOAD) == ", at last with 503 no instance"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, "knative refused the credentials with status 403"),
        (404, "the runtime 'an-image' with 256 MB isn't deployed on knative any more"),
        (413, "knative refused an invocation: 413 too large"),
    ],
)
def test_other_answers_are_errors_at_once(status: int, message: str) -> None:
    with pytest.raises(SubmitError, match=message):
        invoker(AnswerError(status, "too large"))._refused(PAYLOAD)


@pytest.mark.parametrize(("backend", "module"), {**POSTING, **CONNECTING}.items())
def test_lithops_still_hides_answers(backend: str, module: str) -> None:
    """When this fails, a release has changed how the backend sends: look whether the workaround can go."""
    source = source_of(module)
    if backend in POSTING:
        assert re.findall(r"(?<![.\w])requests\.\w+", source) == ["requests.post"]
        assert source.count("timeout=120") == 1
    else:
        assert "http.client.HTTPSConnection(parsed_url.netloc, context=ctx)" in source
        assert source.count("HTTPConnection(") + source.count("HTTPSConnection(") == (2 if backend == "knative" else 1)
