"""
Opens Lithops's storages with two of their faults mended, for functions and for `jobs/adapter/storage.py`. Lithops's
localhost storage writes an object in place: whoever reads it meanwhile, or after the writer was killed or the disk was
full, gets a part of it. Here an object is written to another file, which is then renamed. The other fault is Swift's,
see swift.py.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import uuid
from typing import Any

#: Ends the names of files that are being written. They begin with a dot, so that Lithops doesn't list them as objects.
PARTIAL = ".partial"


def open_storage(**options: Any) -> Any:
    """
    Returns a Lithops Storage that no other process uses.

    :param options: what Lithops's ``Storage`` takes
    """
    from lithops.storage import Storage

    storage = with_whole_files(Storage(**options))
    if storage.backend == "swift":
        from .swift import with_swift_client  # shipped only with jobs that may need it

        return with_swift_client(storage)
    return storage


def own_storage(storage: Any) -> Any:
    """
    Returns a client that no other process uses. The worker goes on using the connections of the client that this
    process, which it has forked, was given.

    :param storage: the Lithops Storage that the worker injects
    """
    if storage.backend == "localhost":
        return with_whole_files(storage)
    return open_storage(storage_config=storage.get_storage_config())


def with_whole_files(storage: Any) -> Any:
    """
    Makes a Lithops Storage write objects as a whole, if it is the localhost storage.

    :param storage: the Storage, which is returned
    """
    if storage.backend == "localhost":
        handler = storage.storage_handler
        handler.put_object = functools.partial(put_whole_file, handler)
    return storage


def put_whole_file(handler: Any, bucket_name: str, key: str, data: Any) -> None:
    """
    Takes the place of ``LocalhostStorageBackend.put_object``.

    :param handler: that backend
    :param bucket_name: the bucket
    :param key: the object's key
    :param data: bytes, a text or a file
    """
    from lithops.constants import LITHOPS_TEMP_DIR

    path = os.path.join(LITHOPS_TEMP_DIR, bucket_name, key)
    folder, name = os.path.split(path)
    partial = os.path.join(folder, f".{name[:100]}.{uuid.uuid4().hex}{PARTIAL}")
    try:
        with _create(folder, partial) as file:
            if hasattr(data, "read"):
                shutil.copyfileobj(data, file, 1 << 20)
            else:
                file.write(data.encode() if isinstance(data, str) else data)
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(partial)
        raise


def _create(folder: str, path: str) -> Any:
    """Opens a new file. The folder may vanish in between: Lithops removes folders whose last object is deleted."""
    for _ in range(10):
        os.makedirs(folder, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            return open(path, "xb")
    return open(path, "xb")
