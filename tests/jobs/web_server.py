"""A small web server whose answers can be made like those of servers that know less."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class WebServer:
    """
    A server that runs.

    :param url: its address
    :param files: what it has, by path
    :param ranges: whether it knows ranges
    :param tells_size: whether it tells the size of an answer before it sends it
    :param total: what it says of a file's size when it sends a range of it; None for what is true
    :param encoded: whether it compresses its answers, though it was asked not to
    :param cut: bytes that the connection breaks after; None for none
    :param refusals: with which statuses it answers the next requests; None if it closes the connection instead
    :param redirects: where it leads to, by path
    :param requests: method, path and range of each request
    :param sent: bytes of all answers
    """

    url: str
    files: dict[str, bytes]
    ranges: bool = True
    tells_size: bool = True
    total: str | None = None
    encoded: bool = False
    cut: int | None = None
    refusals: list[int | None] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    sent: int = 0

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        self.requests.append((request.command, request.path, asked))
        if self.refusals:
            status = self.refusals.pop()
            if status is None:
                request.close_connection = True
            else:
                request.send_error(status)
            return
        if request.path in self.redirects:
            request.send_response(302)
            request.send_header("Location", self.redirects[request.path])
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if request.command != "GET" or request.path not in self.files:
            request.send_error(404 if request.command == "GET" else 403)
            return
        data, status, headers = self.files[request.path], 200, {}
        if self.encoded:
            data = gzip.compress(data)
            headers["Content-Encoding"] = "gzip"
        elif asked and self.ranges:
            first, last = map(int, asked.removeprefix("bytes=").split("-"))
            status = 206 if first < len(data) else 416
            shown = f"{first}-{min(last, len(data) - 1)}" if status == 206 else "*"
            headers["Content-Range"] = f"bytes {shown}/{len(data) if self.total is None else self.total}"
            data = data[first : last + 1]
        if self.tells_size:
            headers["Content-Length"] = str(len(data))
        else:
            headers["Connection"] = "close"
            headers.pop("Content-Range", None)
            status = 200
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        self.sent += len(data[: self.cut])  # first: whoever has the answer may look at once
        request.wfile.write(data[: self.cut])


@contextlib.contextmanager
def serve(files: dict[str, bytes]) -> Iterator[WebServer]:
    """Serves files at paths of a server of its own, as long as the context lasts."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            server.answer(self)

        do_GET = do_HEAD = _answer  # noqa: N815 - so the base class wants them called

        def log_message(self, *args: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        server = WebServer(f"http://127.0.0.1:{running.server_port}", files)
        threading.Thread(target=running.serve_forever).start()
        try:
            yield server
        finally:
            running.shutdown()
