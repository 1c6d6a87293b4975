"""Lithops's InternalStorage. storage.py imports it when the storage is opened, since it imports Lithops."""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any

from lithops.storage import InternalStorage


class SharedInternalStorage(InternalStorage):  # type: ignore[misc]
    """Several tasks of a machine at once write and read the file that caches what a runtime has."""

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
