"""
What the stand-ins of services on the web are made of: a server that handles each request in a fork, with TLS for
clients that begin with it. It is a proxy, too: clients that know the names of a cloud's hosts by heart reach them
through the environment variable HTTPS_PROXY, and find the stand-in there.
"""

from __future__ import annotations

import base64
import json
import socket
import socketserver
import ssl
import sys
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

#: The first byte of a client that speaks TLS.
_TLS_HANDSHAKE = b"\x16"


class RefusalError(Exception):
    """
    A request is refused.

    :param status: of the answer
    :param problem: its text
    """

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status


class Handler(BaseHTTPRequestHandler):
    """
    Handles one request. A subclass has a method `handle_request`, which returns the answer's status and its content,
    and may set `afterwards` to what is to be done once it is sent. Content that is no bytes is sent as JSON.
    """

    server: StandIn
    afterwards: Callable[[], Any] | None = None
    #: What the runtimes of its functions have loaded beside Lithops.
    modules: ClassVar[tuple[str, ...]] = ()

    def setup(self) -> None:
        """Prepares what a request may add to."""
        super().setup()
        #: Headers of the answer.
        self.answer_headers = {"Content-Type": "application/json"}

    def handle_request(self, path: list[str], query: dict[str, str], content: Any) -> tuple[int, Any]:
        """
        Answers a request.

        :param path: its path, cut at the slashes
        :param query: its query
        :param content: its JSON; a text if it is none
        """
        raise NotImplementedError

    @property
    def host(self) -> str:
        """The host that the client believes to talk to."""
        return str(self.headers["Host"]).partition(":")[0]

    def do_CONNECT(self) -> None:
        """Is the host that the client wants the proxy to connect it with."""
        self.send_response(200)
        self.end_headers()
        self.server.finish_request(self.connection, self.client_address)

    def _handle(self) -> None:
        url = urlsplit(self.path)
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if url.path == "/up":
                status, answer = 200, {}
            else:
                content = _parse(data)
                status, answer = self.handle_request(
                    url.path.strip("/").split("/"), dict(parse_qsl(url.query)), content
                )
        except RefusalError as refusal:
            status, answer = refusal.status, {"error": str(refusal), "message": str(refusal), "code": refusal.status}
        sent = answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\n"  # as watches end events
        self.send_response(status)
        for name, value in {**self.answer_headers, "Content-Length": str(len(sent))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)
        self.wfile.flush()
        if self.afterwards is not None:
            self.afterwards()

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _handle  # noqa: N815 - the names that the base class wants


def make_token(signature: str) -> str:
    """
    Returns a token as clients want them, who look at when it ends.

    :param signature: by which it is known again
    """
    now = int(time.time())
    parts = [{"alg": "RS256", "typ": "JWT"}, {"iat": now, "exp": now + 3600}]
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), signature]
    )


def _parse(data: bytes) -> Any:
    """Returns the content of a request: most is JSON, whatever its header says."""
    try:
        return json.loads(data) if data else None
    except ValueError:
        return data.decode()


class StandIn(socketserver.ForkingMixIn, HTTPServer):
    """
    Serves on loopback.

    :param handler: of requests
    :param port: to listen at
    :param folder: where it keeps everything, since each request is handled in a fork
    :param certificate: files of the server's certificate and its key
    """

    max_children = 1000
    request_queue_size = 128

    def __init__(self, handler: type[Handler], port: int, folder: Path, certificate: Sequence[str]) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.folder = folder
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(*certificate)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Handles a request, in a fork."""
        if request.recv(1, socket.MSG_PEEK) == _TLS_HANDSHAKE:
            request = self._context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    @property
    def busy(self) -> int:
        """How many other requests there are."""
        return len(self.active_children or ())


def serve(handler: type[Handler]) -> None:
    """Is a stand-in: its arguments are the port, the folder, and the files of its certificate and key."""
    from tests.backends.standins.functions import become_runtime

    port, folder, *certificate = sys.argv[1:]
    server = StandIn(handler, int(port), Path(folder), certificate)
    become_runtime(handler.modules)
    server.serve_forever(poll_interval=0.05)
