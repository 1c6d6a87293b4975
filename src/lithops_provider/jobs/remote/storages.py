"""Opens storages within functions, and where Lithops's own client of one doesn't do, another."""

from __future__ import annotations

from typing import Any

from .whole_files import with_whole_files


def open_storage(**options: Any) -> Any:
    """
    Returns a Lithops Storage that no other process uses.

    :param options: what Lithops's ``Storage`` takes
    """
    from lithops.storage import Storage

    storage = with_whole_files(Storage(**options))
    if storage.backend == "swift":
        from .swift import mended  # comes only with jobs that may need it

        return mended(storage)
    return storage


def own_storage(storage: Any) -> Any:
    """
    Returns a client that no other process uses. The worker forked this process with clients whose connections it
    goes on using itself.

    :param storage: the Lithops Storage that the worker injects
    """
    if storage.backend == "localhost":
        return with_whole_files(storage)
    return open_storage(storage_config=storage.get_storage_config())
