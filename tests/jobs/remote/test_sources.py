from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from lithops_provider.jobs.remote import sources
from lithops_provider.jobs.remote.objects.chunks import open_chunk
from lithops_provider.jobs.remote.sources import Source, open_source
from tests.jobs.web_server import WebServer, serve

TEXT = b"".join(b"line %d\n" % number for number in range(200))
SIZE = 3 * 64


@pytest.fixture(params=[True, False], ids=["ranges", "no ranges"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setattr(sources, "BLOCK", 64)
    with serve({"/text": TEXT, "/short": TEXT[:100]}) as running:
        running.ranges = request.param
        yield running


def source(server: WebServer, size: int = len(TEXT), path: str = "/text") -> Source:
    return open_source(None, {"backend": "url", "url": f"{server.url}{path}", "size": size})


def test_a_url_is_read_whether_or_not_its_server_knows_ranges(server: WebServer) -> None:
    opened = source(server)
    bounds = [*range(0, len(TEXT), 300), len(TEXT)]

    for start, end in [*itertools.pairwise(bounds), (0, len(TEXT)), (7, 8), (300, 300)]:
        assert opened.read(start, end) == TEXT[start:end]
    assert b"".join(opened.stream(5, 900)) == TEXT[5:900]
    assert server.ranges or len(server.requests) == 1


def test_no_more_is_read_than_is_asked_for(server: WebServer) -> None:
    stream = source(server).stream(0, len(TEXT))

    assert stream.read(10) == TEXT[:10]
    assert server.sent == (64 if server.ranges else len(TEXT))  # without ranges it is sent, whoever reads it


class Noted(Source):
    """An object whose requests are noted."""

    def __init__(self) -> None:
        super().__init__("noted", len(TEXT))
        self.requests: list[tuple[int, int]] = []

    def _fetch(self, start: int, end: int) -> bytes:
        self.requests.append((start, end))
        return TEXT[start:end]


def test_who_reads_on_is_given_more_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BLOCK", 64)
    monkeypatch.setattr(sources, "_LARGEST_BLOCK", 256)
    noted = Noted()
    stream = noted.stream(0, len(TEXT))

    assert b"".join(iter(lambda: stream.read(10), b"")) == TEXT
    assert noted.requests[:5] == [(0, 64), (64, 192), (192, 448), (448, 704), (704, 960)]
    stream.seek(500)
    assert stream.read(600) == TEXT[500:1100]
    stream.seek(0)
    assert stream.read(10) == TEXT[:10]
    assert noted.requests[-1] == (0, 64)


def test_going_back_in_a_url_without_ranges_takes_no_second_request(server: WebServer) -> None:
    stream = source(server).stream(0, len(TEXT))

    assert [stream.read(), stream.seek(0), stream.read()] == [TEXT, 0, TEXT]
    assert server.ranges or len(server.requests) == 1


def test_a_url_that_has_become_shorter_is_an_error(server: WebServer) -> None:
    with pytest.raises(OSError, match=r"/short (is shorter|has 100 bytes)"):
        source(server, path="/short").read(50, 150)


def test_a_connection_that_breaks_is_an_error_not_an_end(server: WebServer) -> None:
    server.cut = 20

    with pytest.raises(Exception, match=r"IncompleteRead|is shorter than"):
        source(server).stream(0, len(TEXT)).read()


def test_what_a_server_encodes_unasked_is_taken_as_it_is_sent(server: WebServer) -> None:
    """Decoded, it would have another size than the server says, and lose its end."""
    server.encoded = True
    data = gzip.compress(TEXT)
    description: dict[str, Any] = {"backend": "url", "url": f"{server.url}/text", "size": len(data), "newline": "\n"}

    chunk = open_chunk(None, {**description, "start": 0, "end": len(data), "part": 1, "total_parts": 1})

    assert gzip.decompress(chunk.data_stream.read()) == TEXT
    assert chunk.url == f"{server.url}/text"
