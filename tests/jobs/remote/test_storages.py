"""Objects of the localhost storage are there as a whole, or not at all."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.remote import storages
from lithops_provider.jobs.remote.storages import open_storage
from tests.jobs.conftest import FaasMaker, finished


@pytest.fixture
def folder(client: LithopsClient) -> Path:
    from lithops.constants import LITHOPS_TEMP_DIR

    return Path(LITHOPS_TEMP_DIR, client.bucket, "whole")


@pytest.mark.parametrize("data", [b"bytes", "text \xe9", io.BytesIO(b"of a file"), b""])
def test_what_is_written_is_read(client: LithopsClient, folder: Path, data: Any) -> None:
    client.storage.put_object(client.bucket, "whole/object", data)
    expected = data.getvalue() if hasattr(data, "getvalue") else data.encode() if isinstance(data, str) else data
    assert client.storage.get_object(client.bucket, "whole/object") == expected
    assert os.listdir(folder) == ["object"]


def test_a_write_that_fails_leaves_what_was_there(client: LithopsClient, folder: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, *size: Any) -> bytes:
            if self.tell():
                raise OSError(28, "No space left on device")
            return super().read(3)

    client.storage.put_object(client.bucket, "whole/object", b"before")
    with pytest.raises(OSError, match="No space left"):
        client.storage.put_object(client.bucket, "whole/object", Broken(b"afterwards"))
    assert client.storage.get_object(client.bucket, "whole/object") == b"before"
    assert os.listdir(folder) == ["object"]


def test_readers_never_see_a_part_of_an_object(client: LithopsClient) -> None:
    storage = open_storage(storage_config=client.storage.get_storage_config())
    sizes = [1, 3_000_000]
    storage.put_object(client.bucket, "whole/object", b"x")
    done = threading.Event()

    def write() -> None:
        for number in range(60):
            storage.put_object(client.bucket, "whole/object", b"x" * sizes[number % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        seen.add(len(client.storage.get_object(client.bucket, "whole/object")))
    writer.join()
    assert seen <= set(sizes)


@pytest.mark.parametrize("times", [3, 100])
def test_a_folder_that_vanishes_is_made_again_but_not_for_ever(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Lithops removes folders whose last object is deleted."""
    left = times
    makedirs = os.makedirs

    def make(path: str, **options: Any) -> None:
        nonlocal left
        makedirs(path, **options)
        if left:
            os.rmdir(path)
            left -= 1

    monkeypatch.setattr(storages.os, "makedirs", make)
    if times == 3:
        client.storage.put_object(client.bucket, "vanishes/object", b"x")
        assert client.get(client.bucket, "vanishes/object") == b"x"
    else:
        with pytest.raises(FileNotFoundError, match="vanishes for ever"):
            client.storage.put_object(client.bucket, "vanishes for ever/object", b"x")


def test_what_is_being_written_is_not_listed(
    client: LithopsClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[list[str]] = []
    replace = os.replace

    def look(source: str, target: str) -> None:
        listed.append(client.keys(client.bucket, "whole/"))
        assert os.path.exists(source)
        replace(source, target)

    monkeypatch.setattr(storages.os, "replace", look)
    client.put("whole/new", b"x")
    assert listed == [[key for key in listed[0] if "partial" not in key and not key.endswith("/new")]]


@pytest.mark.parametrize("where", ["localhost", "process_faas"])
def test_workers_write_whole_objects_as_well(client: LithopsClient, faas: FaasMaker, where: str) -> None:
    """Their statuses say how calls have died. Lithops writes them, with a storage that it has opened itself."""

    def seen_while_written(x: int, storage: Any) -> list[str]:
        from lithops.storage import Storage

        plain = Storage(storage_config=storage.get_storage_config())
        seen: list[str] = []

        class Data:
            def read(self, size: int) -> bytes:
                seen.extend(plain.list_keys(plain.bucket, f"{where}/"))
                return b""

        plain.put_object(plain.bucket, f"{where}/object", Data())
        return [*seen, "then", *plain.list_keys(plain.bucket, f"{where}/")]

    used = client if where == "localhost" else faas()
    assert finished(used, *bind_items(seen_while_written, [0])).results() == [["then", f"{where}/object"]]
