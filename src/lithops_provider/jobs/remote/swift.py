"""
A client of OpenStack Swift that raises errors, while that of Lithops 3.8.0 prints or drops them. storages.py and
`jobs/adapter/storage.py` put it in the place of Lithops's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from lithops.storage.backends.swift.swift import StorageBackend
from lithops.storage.utils import StorageNoSuchKeyError

#: How many keys a page of a listing has, and how many a request deletes.
_PAGE = 1000


def with_swift_client(storage: Any) -> Any:
    """
    Returns a Lithops Storage, with `SwiftHandler` in the place of Lithops's own handler if it is one of Swift.

    :param storage: the Storage
    """
    if storage.backend == "swift":
        storage.storage_handler = SwiftHandler(storage.config["swift"])
    return storage


class SwiftHandler(StorageBackend):  # type: ignore[misc]
    """
    Logs in as Lithops's own handler does. Beside raising errors, it makes the bucket, lists sizes and more than one
    page, takes any key, and gets another token when the old one has ended.
    """

    def _request(self, method: str, bucket: str, key: str | None = None, **options: Any) -> Any:
        path = f"/{quote(bucket)}" + ("" if key is None else f"/{quote(key)}")
        response = self._send(method, path, **options)
        if response.status_code == 404:
            raise StorageNoSuchKeyError(bucket, key or "")
        response.raise_for_status()
        return response

    def _send(self, method: str, path: str, **options: Any) -> Any:
        response = self.session.request(method, self.endpoint + path, **options)
        if response.status_code == 401:  # the token has ended
            self.token = self.generate_swift_token()
            self.session.headers["X-Auth-Token"] = self.token
            response = self.session.request(method, self.endpoint + path, **options)
        return response

    def create_bucket(self, bucket_name: str) -> None:
        try:
            self._request("HEAD", bucket_name)
        except StorageNoSuchKeyError:
            self._request("PUT", bucket_name)

    def put_object(self, bucket_name: str, key: str, data: Any) -> None:
        self._request("PUT", bucket_name, key, data=data.encode() if isinstance(data, str) else data)

    def get_object(
        self, bucket_name: str, key: str, stream: bool = False, extra_get_args: dict[str, Any] | None = None
    ) -> Any:
        response = self._request("GET", bucket_name, key, headers=extra_get_args, stream=stream)
        return response.raw if stream else response.content

    def head_object(self, bucket_name: str, key: str) -> Any:
        return self._request("HEAD", bucket_name, key).headers

    def delete_object(self, bucket_name: str, key: str) -> None:
        with contextlib.suppress(StorageNoSuchKeyError):
            self._request("DELETE", bucket_name, key)

    def delete_objects(self, bucket_name: str, key_list: list[str]) -> None:
        headers = {"Content-Type": "text/plain", "Accept": "application/json"}
        for start in range(0, len(key_list), _PAGE):
            paths = "\n".join(quote(f"/{bucket_name}/{key}") for key in key_list[start : start + _PAGE])
            response = self._send("POST", "?bulk-delete", data=paths, headers=headers)
            response.raise_for_status()
            if errors := response.json()["Errors"]:
                raise OSError(f"{len(errors)} objects could not be deleted, for instance {errors[0]}")

    def list_objects(
        self, bucket_name: str, prefix: str | None = None, match_pattern: str | None = None
    ) -> list[dict[str, Any]]:
        return [{"Key": entry["name"], "Size": entry["bytes"]} for entry in self._listed(bucket_name, prefix)]

    def list_keys(self, bucket_name: str, prefix: str | None = None) -> list[str]:
        return [entry["name"] for entry in self._listed(bucket_name, prefix)]

    def _listed(self, bucket: str, prefix: str | None) -> Iterable[dict[str, Any]]:
        wanted = {"format": "json", "prefix": prefix or "", "limit": _PAGE, "marker": ""}
        while True:
            page = self._request("GET", bucket, params=wanted).json()
            yield from page
            if len(page) < _PAGE:
                return
            wanted["marker"] = page[-1]["name"]
