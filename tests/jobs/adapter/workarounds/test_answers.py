"""What services answer to invocations, told apart: against a server, and against what Lithops makes of it."""

from __future__ import annotations

import contextlib
import re
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lithops_provider.jobs.adapter.invokers import DetachedFaaSInvoker
from lithops_provider.jobs.adapter.workarounds.answers import CONNECTING, POSTING, AnswerError, report_answers
from lithops_provider.jobs.errors import SubmitError
from tests.backends.certificate import Certificate
from tests.jobs.adapter.workarounds.sources import source_of


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(int(self.path[1:]))
        self.end_headers()
        self.wfile.write(b"its words")

    def log_message(self, format: str, *args: Any) -> None:
        """Is quiet."""


def serving(server: HTTPServer) -> Iterator[int]:
    """Serves, and yields the port."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def http() -> Iterator[int]:
    yield from serving(HTTPServer(("127.0.0.1", 0), _Answer))


@pytest.fixture(scope="module")
def https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    certificate = Certificate(tmp_path_factory.mktemp("certificate"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.path, certificate.key_path)
    server = HTTPServer(("127.0.0.1", 0), _Answer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    yield from serving(server)


@pytest.fixture(
    params=[
        *(("gcp_cloudrun", "http"), ("gcp_functions", "http")),
        *(("knative", "http"), ("knative", "https"), ("azure_functions", "https")),
    ],
    ids=" by ".join,
)
def send(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], str]:
    """
    Sends a request to a server that answers with a given status, and returns the answer. This does what Lithops's
    module of a backend does, which can't be imported without the libraries of its cloud.
    """
    backend, scheme = request.param
    port = request.getfixturevalue(scheme)
    name = {**POSTING, **CONNECTING}[backend]
    module: Any = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    report_answers(backend)

    def post(status: int) -> str:
        return str(module.requests.post(f"http://127.0.0.1:{port}/{status}", data="{}", timeout=120).text)

    def connect(status: int) -> str:
        client, place = module.http.client, f"127.0.0.1:{port}"
        if scheme == "https":
            connection = client.HTTPSConnection(place, context=ssl._create_unverified_context())
        else:
            connection = client.HTTPConnection(place)
        with contextlib.closing(connection):
            connection.request("POST", f"/{status}", body="{}")
            return str(connection.getresponse().read().decode())

    return post if backend in POSTING else connect


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_an_answer_that_is_no_success_has_its_status(send: Callable[[int], str], status: int) -> None:
    with pytest.raises(AnswerError, match=f"^{status} its words$") as raised:
        send(status)

    assert raised.value.status == status
    assert raised.value.passes == (status in (429, 500, 503))


@pytest.mark.parametrize("status", [200, 202])
def test_a_success_is_returned(send: Callable[[int], str], status: int) -> None:
    assert send(status) == "its words"


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
