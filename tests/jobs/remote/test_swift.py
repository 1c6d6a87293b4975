"""OpenStack Swift without a server: what is asked of it, and what its answers mean."""

from __future__ import annotations

import io
import json
import zlib
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter

from lithops_provider.jobs.adapter.storage import is_missing_key, is_refused
from lithops_provider.jobs.remote.storages import open_storage
from lithops_provider.jobs.remote.swift import SwiftHandler, with_swift_client
from lithops_provider.jobs.submit import bootstrap

CONFIG = {
    **{"auth_url": "http://keystone", "user_id": "u", "project_id": "p", "password": "s3cret", "region": "here"},
    **{"token": "old", "endpoint": "http://swift/v1/account"},
}


class Answers(BaseAdapter):
    """Gives its answers in turn, and keeps what was asked."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        super().__init__()
        self.left = list(answers)
        self.asked: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self.asked.append(request.copy())
        status, body = self.left.pop(0)
        response = requests.Response()
        response.status_code, response.request, response.url = status, request, str(request.url)
        response.headers["Content-Length"] = str(len(body))
        response.raw = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        return response

    def close(self) -> None:
        pass


def handler(answers: Answers) -> Any:
    made = with_swift_client(SimpleNamespace(backend="swift", config={"swift": dict(CONFIG)})).storage_handler
    made.session.mount("http://", answers)
    return made


def asked(answers: Answers) -> list[tuple[str | None, str | None]]:
    return [(request.method, request.url) for request in answers.asked]


def test_other_storages_stay_as_they_are() -> None:
    storage = SimpleNamespace(backend="minio", storage_handler="theirs")

    assert with_swift_client(storage) is storage
    assert storage.storage_handler == "theirs"


def test_a_failed_write_is_an_error() -> None:
    with pytest.raises(requests.HTTPError, match="503"):
        handler(Answers((503, b""))).put_object("bucket", "key", b"data")


def test_a_failed_read_is_not_a_missing_object() -> None:
    from lithops.storage.utils import StorageNoSuchKeyError

    with pytest.raises(requests.HTTPError) as failed:
        handler(Answers((500, b""))).get_object("bucket", "key")
    with pytest.raises(StorageNoSuchKeyError) as missing:
        handler(Answers((404, b""))).get_object("bucket", "key")

    assert not is_missing_key(failed.value)
    assert is_missing_key(missing.value)


def test_keys_are_any_text() -> None:
    answers = Answers((201, b""))
    handler(answers).put_object("bucket", "a b/ü#?&", "text")

    assert asked(answers) == [("PUT", "http://swift/v1/account/bucket/a%20b/%C3%BC%23%3F%26")]
    assert answers.asked[0].body == b"text"


def test_a_bucket_is_made_unless_it_is_there() -> None:
    there, missing = Answers((204, b"")), Answers((404, b""), (201, b""))
    handler(there).create_bucket("bucket")
    handler(missing).create_bucket("bucket")

    assert [method for method, _ in asked(there)] == ["HEAD"]
    assert [method for method, _ in asked(missing)] == ["HEAD", "PUT"]


def test_a_listing_has_all_pages_and_the_sizes() -> None:
    pages = [
        [{"name": f"{number:04d}", "bytes": number} for number in range(*span)] for span in ((0, 1000), (1000, 1001))
    ]
    answers = Answers(*((200, page) for page in pages))
    found = handler(answers).list_objects("bucket", "0&1")

    assert found[-1] == {"Key": "1000", "Size": 1000}
    assert len(found) == 1001
    assert asked(answers)[1] == (
        "GET",
        "http://swift/v1/account/bucket?format=json&prefix=0%261&limit=1000&marker=0999",
    )


def test_what_can_not_be_deleted_is_an_error() -> None:
    answers = Answers((200, {"Errors": []}), (200, {"Errors": [["/bucket/0", "401 Unauthorized"]]}))
    with pytest.raises(OSError, match="1 objects could not be deleted"):
        handler(answers).delete_objects("bucket", [f"ü{number}" for number in range(1500)])

    assert [str(request.body).count("\n") + 1 for request in answers.asked] == [1000, 500]
    assert str(answers.asked[0].body).startswith("/bucket/%C3%BC0\n")


def test_objects_are_deleted_whether_they_are_there_or_not() -> None:
    answers = Answers((204, b""), (404, b""), (200, {"Errors": []}), (500, b""))
    made = handler(answers)
    made.delete_object("bucket", "a b")
    made.delete_object("bucket", "missing")
    made.delete_objects("bucket", ["one", "two"])
    with pytest.raises(requests.HTTPError, match="500"):
        made.delete_object("bucket", "stays")

    assert asked(answers)[:3] == [
        ("DELETE", "http://swift/v1/account/bucket/a%20b"),
        ("DELETE", "http://swift/v1/account/bucket/missing"),
        ("POST", "http://swift/v1/account?bulk-delete"),
    ]
    assert answers.asked[2].body == "/bucket/one\n/bucket/two"


def test_an_object_is_looked_at_without_being_read() -> None:
    answers = Answers((200, b""))

    assert handler(answers).head_object("bucket", "key") == {"content-length": "0"}
    assert asked(answers) == [("HEAD", "http://swift/v1/account/bucket/key")]


def test_functions_and_calls_have_it_as_well() -> None:
    section = {**CONFIG, "storage_bucket": "bucket"}

    assert isinstance(open_storage(storage_config={"backend": "swift", "swift": section}).storage_handler, SwiftHandler)


def test_a_token_that_has_ended_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers((401, b""), (200, b"data"))
    made = handler(answers)
    monkeypatch.setattr(made, "generate_swift_token", lambda: "new")

    assert made.get_object("bucket", "key") == b"data"
    assert [request.headers["X-Auth-Token"] for request in answers.asked] == ["old", "new"]


def test_a_token_that_is_refused_again_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    made = handler(Answers((401, b""), (401, b"")))
    monkeypatch.setattr(made, "generate_swift_token", lambda: "new")
    with pytest.raises(requests.HTTPError) as refused:
        made.list_keys("bucket", "prefix")

    assert is_refused(refused.value)


def test_it_travels_only_with_jobs_that_may_need_it() -> None:
    without, with_it = (zlib.decompress(bootstrap.remote_code(swift)) for swift in (False, True))

    assert b"SwiftHandler" in with_it
    assert b"SwiftHandler" not in without
