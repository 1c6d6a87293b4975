"""
Lithops's InternalStorage, made safe for several tasks at once. This module imports Lithops, so storage.py imports it
only when a storage is opened.
"""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any

from lithops.storage import InternalStorage
from lithops.storage.storage import RUNTIME_META_CACHE


class SharedInternalStorage(InternalStorage):  # type: ignore[misc]
    """
    Lithops's InternalStorage with a safe cache of runtimes' metadata. Lithops caches the metadata in a file, which
    several tasks of a machine read and write at once: here the file is replaced as a whole, and a damaged one counts as
    missing. Lithops also caches it in this process, and would go on using that after the metadata was replaced or
    deleted: here it is forgotten then.
    """

    def put_runtime_meta(self, key: str, runtime_meta: Any) -> None:
        super().put_runtime_meta(key, runtime_meta)
        RUNTIME_META_CACHE.pop(self._runtime_meta_refs(key)[1], None)

    def delete_runtime_meta(self, key: str) -> None:
        super().delete_runtime_meta(key)
        RUNTIME_META_CACHE.pop(self._runtime_meta_refs(key)[1], None)

    def _write_runtime_meta_file(self, filename_local_path: str, runtime_meta: Any) -> None:
        os.makedirs(os.path.dirname(filename_local_path), exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(filename_local_path), delete=False) as file:
            json.dump(runtime_meta, file)
        os.replace(file.name, filename_local_path)

    def _cached_runtime_meta(self, cache_key: str, filename_local_path: str) -> Any:
        try:
            return super()._cached_runtime_meta(cache_key, filename_local_path)
        except ValueError:  # written by Lithops's own client at this moment, or cut off
            return None
