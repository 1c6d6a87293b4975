from __future__ import annotations

import importlib
import json
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pika
import pytest

from lithops_provider.jobs.binding.function import bind_function, bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.remote.injection import Injection
from tests.jobs.batches import BatchRunner

INDEX = 7


@pytest.fixture(autouse=True)
def _in_a_worker(client: LithopsClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITHOPS_CONFIG", json.dumps(client.config))


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Calls a function as an item with these arguments would be."""
    binding = bind_function(function)
    binding.check(args, kwargs, "item")
    args, kwargs = Injection(*binding.injection())(INDEX, args, kwargs, None)
    return function(*args, **kwargs)


def first(id: int, x: int) -> Any:
    return id, x


def last(x: int, id: int) -> Any:
    return id, x


def default(x: int, id: int = -1) -> Any:
    return id, x


def by_name_only(x: int, *, id: int) -> Any:
    return id, x


@pytest.mark.parametrize("function", [first, last, default, by_name_only])
def test_the_index_is_filled_in_wherever_the_parameter_is(function: Callable[..., Any]) -> None:
    assert call(function, 1) == call(function, x=1) == (INDEX, 1)


def test_it_is_filled_in_between_the_users_arguments() -> None:
    def between(x: int, id: int, y: int = 20) -> Any:
        return x, id, y

    assert call(between, 1) == (1, INDEX, 20)
    assert call(between, 1, y=2) == call(between, x=1, y=2) == (1, INDEX, 2)


def test_positional_only_parameters_keep_their_places() -> None:
    def mixed(x: int, y: int, /, id: int, z: int = 30) -> Any:
        return x, y, id, z

    assert call(mixed, 1, 2) == (1, 2, INDEX, 30)
    assert call(mixed, 1, 2, z=3) == (1, 2, INDEX, 3)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_any_number_of_arguments_may_stand_before(count: int) -> None:
    def variadic(x: int, *rest: int, id: int, **named: int) -> Any:
        return id, x, *rest, named

    assert call(variadic, *range(count), k=5) == (INDEX, *range(count), {"k": 5})


def test_several_are_filled_in() -> None:
    def several(storage: Any, x: int, id: int, y: int) -> Any:
        return storage.backend, x, id, y

    assert call(several, 1, 2) == call(several, 1, y=2) == ("localhost", 1, INDEX, 2)


@pytest.mark.parametrize("function", [first, last, default, by_name_only])
def test_a_given_one_wins(function: Callable[..., Any]) -> None:
    assert call(function, x=1, id=5) == (5, 1)


def test_a_given_one_wins_beside_positional_arguments() -> None:
    assert call(first, 1, id=5) == call(last, 1, id=5) == (5, 1)


def test_a_given_storage_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LITHOPS_CONFIG")

    assert Injection(("storage",), (("storage", 0),))(0, (), {"storage": "mine"}, None) == (("mine",), {})


def test_nothing_is_filled_in_unasked() -> None:
    def plain(*args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    assert call(plain, 1, storage=2) == ((1,), {"storage": 2})


def test_the_arguments_of_the_item_are_not_changed() -> None:
    kwargs = {"x": 1}

    Injection(("id",), (("id", 0),))(INDEX, (), kwargs, None)

    assert kwargs == {"x": 1}


def test_all_items_get_the_same_storage() -> None:
    inject = Injection(("storage",), (("storage", 0),))

    assert inject(0, (), {}, None)[0][0] is inject(1, (), {}, None)[0][0]


@pytest.mark.parametrize("name", ["ibm_cos", "rabbitmq"])
def test_what_is_not_configured_is_an_error_that_names_it(name: str) -> None:
    with pytest.raises(ValueError, match=f"parameter '{name}', for which the Lithops configuration has no section"):
        Injection((name,), ((name, 0),))(0, (), {}, None)


def test_all_items_get_the_client_of_the_ibm_cos_that_is_configured(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("boto3")  # which IBM's library is a copy of
    for module in ("boto3", "botocore", "botocore.client"):
        monkeypatch.setitem(sys.modules, f"ibm_{module}", importlib.import_module(module))
    tokens: Any = ModuleType("lithops.util.ibm_token_manager")  # the real one needs a client of IBM's
    tokens.COSTokenManager = tokens.IAMTokenManager = None
    monkeypatch.setitem(sys.modules, tokens.__name__, tokens)
    where = {"endpoint": "https://s3.here.example", "access_key_id": "id", "secret_access_key": "secret"}
    inject = Injection(("ibm_cos",), (("ibm_cos", 0),), config={**client.config, "ibm_cos": where})

    (one,), _ = inject(0, (), {}, None)
    (other,), _ = inject(1, (), {}, None)

    assert one.meta.endpoint_url == "https://s3.here.example"
    assert one is other


def test_the_connection_to_rabbitmq_is_made_as_configured(client: LithopsClient) -> None:
    greetings: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                greetings.append(connection.recv(8))

        threading.Thread(target=answer, daemon=True).start()
        settings = {"amqp_url": f"amqp://127.0.0.1:{server.getsockname()[1]}"}
        inject = Injection(("rabbitmq",), (("rabbitmq", 0),), config={**client.config, "rabbitmq": settings})
        with pytest.raises(pika.exceptions.AMQPConnectionError):  # nothing but a greeting came of it
            inject(0, (), {}, None)

    assert greetings == [b"AMQP\0\0\x09\x01"]


def test_in_a_batch_each_item_gets_its_index_and_a_storage_that_works(
    batch: BatchRunner, client: LithopsClient
) -> None:
    def write(storage: Any, x: int, *, id: int) -> int:
        storage.put_object(storage.bucket, f"test-injection/{id}", str(x).encode())
        return id

    done = batch(write, [10, 20, 30])

    assert done.results() == {0: 0, 1: 1, 2: 2}
    written = [client.get(client.bucket, f"test-injection/{index}") for index in range(3)]
    assert written == [b"10", b"20", b"30"]
    assert done.outcomes.written() == {(client.bucket, "test-injection")}


def test_where_functions_write_is_noted_up_to_a_number_of_places(batch: BatchRunner, client: LithopsClient) -> None:
    def write(storage: Any, x: int) -> None:
        storage.put_object(storage.bucket, f"test-noted/{x}/y", b"")
        storage.put_cloudobject(b"")
        with suppress(Exception):
            storage.put_object("../nowhere\0", f"test-noted/{x}/z", b"")  # what failed was not written

    done = batch(write, list(range(30)))

    some = {(client.bucket, f"test-noted/{number}") for number in range(19)}
    assert done.outcomes.written() == {*some, (client.bucket, "lithops.jobs/tmp"), (client.bucket, "")}


@pytest.mark.parametrize(("key", "place"), [("test-noted/uploaded/file", "test-noted/uploaded"), (None, "")])
def test_a_file_that_is_uploaded_is_noted(
    batch: BatchRunner,
    client: LithopsClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    key: str | None,
    place: str,
) -> None:
    from lithops.storage.backends.localhost import StorageBackend

    def upload_as_s3_does(handler: Any, file_name: str, bucket: str, key: str | None, *options: Any) -> None:
        """Without ``put_object``."""
        type(handler).put_object(handler, bucket, key or Path(file_name).name, Path(file_name).read_bytes())

    monkeypatch.setattr(StorageBackend, "upload_file", upload_as_s3_does)
    (tmp_path / "file").write_text("x")

    def write(storage: Any, path: str) -> None:
        storage.upload_file(path, storage.bucket, key)

    done = batch(write, [str(tmp_path / "file")])

    assert done.failures() == {}
    assert client.get(client.bucket, key or "file") == b"x"
    assert done.outcomes.written() == {(client.bucket, place)}


def test_a_file_that_is_not_there_is_not_noted(batch: BatchRunner) -> None:
    def write(storage: Any, path: str) -> None:
        assert storage.upload_file(path, storage.bucket, "test-noted/missing") is False

    done = batch(write, ["/no/such/file"])

    assert done.failures() == {}
    assert done.outcomes.written() == set()


def test_what_a_function_writes_past_its_storage_is_written_all_the_same(
    batch: BatchRunner, client: LithopsClient
) -> None:
    def write(storage: Any, x: int) -> None:
        storage.storage_handler.put_object(bucket_name=storage.bucket, key="test-noted/past", data=b"x")

    assert batch(write, [1]).failures() == {}
    assert client.get(client.bucket, "test-noted/past") == b"x"


def test_a_missing_client_fails_the_item_not_the_batch(batch: BatchRunner) -> None:
    def wants(x: int, ibm_cos: Any) -> int:
        return x

    done = batch(wants, [1, 2])

    assert [failure["type"] for failure in done.failures().values()] == ["ValueError", "ValueError"]


def test_results_of_another_job_become_the_first_argument(batch: BatchRunner, client: LithopsClient) -> None:
    def total(id: int, values: list[Any], scale: int) -> Any:
        return [value * scale for value in values]

    made = batch(lambda x: x, [1, 2])
    prefix = made.keys[0].partition("/")[2].split("/")[0]
    executor_id, _, job_id = prefix.rpartition("-")
    reference = {"bucket": client.bucket, "executor_id": executor_id, "job_ids": [job_id]}
    binding, _ = bind_items(total, [], [10])

    args, kwargs = Injection(*binding.injection())(0, binding.args, {}, {"results": [(0, [reference], False)]})

    assert total(*args, **kwargs) == [10, 20]
