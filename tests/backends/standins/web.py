"""What the stand-ins of services on the web are made of: a server with TLS that handles each request in a fork."""

from __future__ import annotations

import json
import socketserver
import ssl
import sys
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit


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
    and may set `afterwards` to what is to be done once it is sent.
    """

    server: StandIn
    afterwards: Callable[[], Any] | None = None

    def handle_request(self, path: list[str], query: dict[str, str], content: Any) -> tuple[int, Any]:
        """
        Answers a request.

        :param path: its path, cut at the slashes
        :param query: its query
        :param content: its JSON
        """
        raise NotImplementedError

    def _handle(self) -> None:
        url = urlsplit(self.path)
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if url.path == "/up":
                status, answer = 200, {}
            else:
                content = json.loads(data) if data else None
                status, answer = self.handle_request(
                    url.path.strip("/").split("/"), dict(parse_qsl(url.query)), content
                )
        except RefusalError as refusal:
            status, answer = refusal.status, {"error": str(refusal), "message": str(refusal)}
        sent = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)
        self.wfile.flush()
        if self.afterwards is not None:
            self.afterwards()

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _handle  # noqa: N815 - the names that the base class wants


class StandIn(socketserver.ForkingMixIn, HTTPServer):
    """
    Serves on loopback.

    :param handler: of requests
    :param port: to listen at
    :param folder: where it keeps everything, since each request is handled in a fork
    :param certificate: files of the server's certificate and its key; none for no TLS
    """

    max_children = 1000
    request_queue_size = 128

    def __init__(self, handler: type[Handler], port: int, folder: Path, certificate: Sequence[str]) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.folder = folder
        self._context: ssl.SSLContext | None = None
        if certificate:
            self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._context.load_cert_chain(*certificate)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Handles a request, in a fork."""
        if self._context is not None:
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
    become_runtime()
    server.serve_forever(poll_interval=0.05)
