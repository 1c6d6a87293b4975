"""Opens storages within functions, and where Lithops's own client of one doesn't do, another."""

from __future__ import annotations

from typing import Any


def open_storage(**options: Any) -> Any:
    """
    Returns a Lithops Storage that no other process uses.

    :param options: what Lithops's ``Storage`` takes
    """
    from lithops.storage import Storage

    storage = Storage(**options)
    if storage.backend == "swift":
        from .swift import with_swift_client  # comes only with jobs that may need it

        return with_swift_client(storage)
    return storage
