"""A web server whose files can be items."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.jobs.web_server import WebServer, serve


@pytest.fixture
def server() -> Iterator[WebServer]:
    with serve({"/file": b"one\ntwo\n", "/empty": b""}) as running:
        yield running
