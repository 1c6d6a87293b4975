"""What is at a URL, whatever its server knows and does."""

from __future__ import annotations

import re

import pytest

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError, StorageUnavailableError
from lithops_provider.jobs.inputs.objects import bind_objects
from tests.jobs.batches import BatchRunner
from tests.jobs.inputs.test_objects import found, size
from tests.jobs.web_server import WebServer


def test_a_cloud_object_of_a_url_is_what_is_there(client: LithopsClient, server: WebServer) -> None:
    from lithops.storage.utils import CloudObjectUrl

    assert found(client, [CloudObjectUrl(f"{server.url}/file")]) == [f"{server.url}/file"]


def test_a_url_must_be_there_and_tell_its_size(client: LithopsClient, server: WebServer) -> None:
    assert found(client, [f"{server.url}/file"]) == [f"{server.url}/file"]
    with pytest.raises(InvalidInputError, match=r"item 0: .*/missing can't be read: 404"):
        bind_objects(client, size, [f"{server.url}/missing"])
    for says in ({"total": "*"}, {"total": "\u00b2"}, {"total": "1" * 5_000}, {"tells_size": False}):
        vars(server).update(says)
        with pytest.raises(InvalidInputError, match="/file doesn't tell its size"):
            bind_objects(client, size, [f"{server.url}/file"])


@pytest.mark.parametrize("ranges", [True, False])
def test_a_url_needs_no_head(client: LithopsClient, server: WebServer, ranges: bool) -> None:
    """Presigned URLs allow only the method that they were made for."""
    server.ranges = ranges

    _, items, _ = bind_objects(client, size, [f"{server.url}/file", f"{server.url}/empty"])

    assert [special["object"][1]["size"] for _, _, special in items] == [8, 0]
    assert {method for method, _, _ in server.requests} == {"GET"}


@pytest.mark.parametrize("limits", [{"chunk_size": 4}, {"chunk_number": 2}])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_url_whose_server_has_no_ranges_is_one_item_and_one_download(
    client: LithopsClient, server: WebServer, batch: BatchRunner, limits: dict[str, int], ranges: bool
) -> None:
    server.ranges = ranges
    binding, items, counts = bind_objects(client, size, [f"{server.url}/file"], **limits)
    server.requests.clear()

    assert batch(bound=(binding, items)).results() == ({0: 4, 1: 4} if ranges else {0: 8})
    assert counts == [len(items)]
    assert ranges or len(server.requests) == 1


@pytest.mark.parametrize("total", ["*", "\u00b2"])
def test_a_url_whose_server_tells_no_size_any_more_is_read(
    client: LithopsClient, server: WebServer, batch: BatchRunner, total: str
) -> None:
    binding, items, _ = bind_objects(client, size, [f"{server.url}/file"])
    server.total = total

    assert batch(bound=(binding, items)).results() == {0: 8}


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, None])
def test_a_server_that_cannot_answer_for_now_is_no_bad_input(
    client: LithopsClient, server: WebServer, status: int | None
) -> None:
    server.refusals = [status]

    with pytest.raises(StorageUnavailableError, match=rf"^item 0: {server.url}/file can't be read: "):
        bind_objects(client, size, [f"{server.url}/file"])
    assert found(client, [f"{server.url}/file"]) == [f"{server.url}/file"]


def test_a_server_that_is_not_there_is_no_bad_input(client: LithopsClient) -> None:
    with pytest.raises(StorageUnavailableError, match=r"^item 0: http://127.0.0.1:9/nothing can't be read: "):
        bind_objects(client, size, ["http://127.0.0.1:9/nothing"])


@pytest.mark.parametrize("status", [401, 403, 410, 501])
def test_a_server_that_refuses_is_bad_input(client: LithopsClient, server: WebServer, status: int) -> None:
    server.refusals = [status]

    with pytest.raises(InvalidInputError, match=rf"^item 0: {server.url}/file can't be read: {status}"):
        bind_objects(client, size, [f"{server.url}/file"])


@pytest.mark.parametrize("url", ["http://[::1", "http://", "https://:80/x", "http://u:p\u20acw@host/"])
def test_what_is_no_url_is_bad_input(client: LithopsClient, url: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"^item 0: {re.escape(url)} can't be read"):
        bind_objects(client, size, [url])


@pytest.mark.parametrize("target", ["/elsewhere", "ftp://example.org/file", "http://[::1"])
def test_a_server_that_leads_nowhere_is_bad_input(client: LithopsClient, server: WebServer, target: str) -> None:
    server.redirects["/elsewhere"] = target

    with pytest.raises(InvalidInputError, match=r"item 0: .*/elsewhere can't be read"):
        bind_objects(client, size, [f"{server.url}/elsewhere"])
