"""
Makes items of objects in storage, for functions with a parameter ``obj``: finds the objects that paths stand for, and
splits them into chunks. The operators call it; `jobs/remote/objects/chunks.py` then reads a chunk where the function
runs.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lithops_provider.jobs.adapter import storage as lithops_storage
from lithops_provider.jobs.binding.function import Binding, bind_function, split_evenly
from lithops_provider.jobs.binding.items import MAX_ITEMS, as_items, item_arguments, too_many_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.libraries import missing_library
from lithops_provider.jobs.config.names import S3_COMPATIBLE
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.inputs.urls import look_at_url
from lithops_provider.jobs.text import short_repr

if TYPE_CHECKING:
    from lithops_provider.jobs.remote.frames import Arguments, ObjectChunk

logger = logging.getLogger(__name__)


#: How many paths are looked up at a time. Each lookup takes a request or more, and there may be thousands of paths.
_LOOKUPS = 16
#: Characters that a path or URL may have at most; and characters that none can have: NUL and surrogates, except those
#: with which Python stands for bytes of file names that aren't UTF-8.
_LONGEST_PATH = 16_384
_NOT_IN_PATHS = re.compile("[\\0\ud800-\udc7f\udd00-\udfff]")
#: Endings of compressed files. They aren't split, since a piece can't be read without all that is before it.
_COMPRESSED = (".gz", ".bgz", ".bz2", ".xz", ".zst", ".zip", ".7z")
_KINDS = {"path": "paths on this machine", "url": "URLs", "object": "objects in a storage backend"}


def bind_object(client: LithopsClient, function: Any, data: Any) -> tuple[Binding, list[Arguments]]:
    """
    Binds the arguments of a single call whose function takes an ``obj``.

    :param client: paths without a scheme are looked up in its storage
    :param function: the user's function
    :param data: see `lithops_provider.jobs.binding.function.bind_call`
    :raises InvalidInputError: see `bind_objects`; or the path doesn't stand for exactly one object
    """
    element = tuple(data) if isinstance(data, list) else data
    binding, items, _ = bind_objects(client, function, [element if element is not None else ()])
    if len(items) != 1:
        raise InvalidInputError(
            f"{binding.name} is called once, but its obj stands for {len(items)} objects; use a map"
        )
    return binding, items


def bind_objects(
    client: LithopsClient,
    function: Any,
    iterdata: Any,
    extra_args: Any = None,
    *,
    argument: str | None = None,
    chunk_size: int | None = None,
    chunk_number: int | None = None,
    newline: str | None = "\n",
    max_items: int = MAX_ITEMS,
    versions: bool = False,
) -> tuple[Binding, list[Arguments], list[int]]:
    """
    Finds the objects that items name, and splits them into chunks.

    :param client: a path without a scheme is looked up in its storage
    :param function: the user's function, which has a parameter ``obj``
    :param iterdata: paths such as ``bucket/key``, ``bucket/prefix/`` or ``s3://bucket/key``, absolute paths, URLs,
        CloudObjects, or dicts and tuples of arguments that include one as ``obj``
    :param extra_args: see `lithops_provider.jobs.binding.function.bind_function`
    :param argument: if given, each item becomes this keyword argument
    :param chunk_size: bytes per chunk
    :param chunk_number: chunks per object; wins over ``chunk_size``
    :param newline: chunks begin and end at line boundaries, where this text ends a line; None for chunks of exactly
        the size
    :param max_items: how many items there may be, and how many chunks
    :param versions: whether items say which version of the object they mean, for the cache
    :returns: the binding, an item per chunk, and the number of chunks of each object
    :raises InvalidInputError: an object is missing, a prefix is empty, or the items are of several kinds
    """
    for parameter, value in (("chunk_size", chunk_size), ("chunk_number", chunk_number)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise InvalidInputError(f"{parameter} must be a whole number of at least 1, got {value!r}")
    items: list[Arguments] = []
    chunks: list[int] = []
    kinds: dict[str, str] = {}
    binding, elements = _elements(function, iterdata, extra_args, argument, max_items)
    with ThreadPoolExecutor(_LOOKUPS) as pool:
        find = functools.partial(_find, client, versions=versions)
        lookups = [pool.submit(find, path, f"item {index}") for index, (path, _) in enumerate(elements)]
        try:
            looked_up = [lookup.result() for lookup in lookups]
        finally:
            pool.shutdown(cancel_futures=True)
    for (path, others), descriptions in zip(elements, looked_up, strict=True):
        for description in descriptions:
            kind = description["backend"]
            kinds.setdefault(kind if kind in ("path", "url") else "object", path)
            kinds.setdefault(kind, path)
            if len(kinds) > (1 if kind in ("path", "url") else 2):
                shown = " and ".join(f"{entry!r}" for entry in dict.fromkeys(kinds.values()))
                raise InvalidInputError(
                    f"the items of one map are all of one kind and backend: {', '.join(_KINDS.values())}; got {shown}"
                )
            wanted = _number_of_chunks(description["size"], chunk_size, chunk_number)
            if len(items) + wanted > max_items:
                raise too_many_items(f"{path} in chunks (obj_chunk_size, obj_chunk_number) makes", max_items)
            pieces = _chunks(description, chunk_size, chunk_number, newline)
            items += [((), others, {"object": ("obj", piece)}) for piece in pieces]
            chunks.append(len(pieces))
    return binding, items, chunks


def object_paths(function: Any, iterdata: Any, extra_args: Any = None) -> list[str]:
    """
    Returns the paths that items name, without looking for the objects; the parameters are those of `bind_objects`.

    :raises InvalidInputError: an item names no path
    """
    return [path for path, _ in _elements(function, iterdata, extra_args, None)[1]]


def _elements(
    function: Any, iterdata: Any, extra_args: Any, argument: str | None, max_items: int = MAX_ITEMS
) -> tuple[Binding, list[tuple[str, dict[str, Any]]]]:
    """Returns the bound function, and for each item the path that it names and its other arguments by name."""
    binding = bind_function(function, extra_args, parameter="map_function")
    with_object = binding.with_object()
    return binding, [
        _split_element(binding, with_object, index, element, argument)
        for index, element in enumerate(as_items(iterdata, max_items))
    ]


def _split_element(
    binding: Binding, with_object: Binding, index: int, element: Any, argument: str | None
) -> tuple[str, dict[str, Any]]:
    """Returns the path that an item names, and its other arguments by name."""
    where = f"item {index}, {short_repr(element)},"
    args, kwargs = item_arguments(with_object.signature, element, index, argument)
    bound = with_object.bind_by_name(args, kwargs, where) if args or "obj" in kwargs else {}
    if "obj" not in bound:
        raise InvalidInputError(f"{where} does not give the parameter 'obj' of {binding.shown()}")
    path = bound.pop("obj")
    binding.check((), bound, where)
    return _as_path(path, where), bound


def _as_path(value: Any, where: str) -> str:
    if isinstance(value, str) and value:
        return value
    if hasattr(value, "bucket") and hasattr(value, "key") and hasattr(value, "backend"):  # a CloudObject
        return f"{value.backend}://{value.bucket}/{value.key}"
    if isinstance(getattr(value, "url", None), str):  # a CloudObjectUrl
        return str(value.url)
    if isinstance(getattr(value, "path", None), str):  # a CloudObjectLocal
        return str(value.path)
    raise InvalidInputError(f"{where} gives as 'obj' {short_repr(value)}, which is no path of an object in storage")


def _find(client: LithopsClient, path: str, where: str, *, versions: bool) -> list[ObjectChunk]:
    """Returns the objects that a path stands for, in the order of their keys."""
    if len(path) > _LONGEST_PATH or _NOT_IN_PATHS.search(path):
        raise InvalidInputError(
            f"{where}: {short_repr(path)} is no path of an object: it has more than {_LONGEST_PATH:,} characters, or "
            "NUL or halves of characters in it"
        )
    if path.startswith(("http://", "https://")):
        found = [look_at_url(path, where)]
    elif path.startswith("/"):
        found = list(_local_files(client, path, where))
    else:
        found = list(_objects(client, path, where, versions=versions))
    for description in found:
        version = description.pop("version", None)
        if versions:  # where the version isn't known, a new one keeps the object from being taken from the cache
            description["version"] = version or uuid.uuid4().hex
    return found


def _local_files(client: LithopsClient, path: str, where: str) -> Iterator[ObjectChunk]:
    if client.backend != "localhost":
        raise InvalidInputError(
            f"{where}: {path} is a path of this machine, which functions on {client.backend} can't read; "
            "put it into the storage backend"
        )
    if os.path.isfile(path):
        files = [path]
    elif os.path.isdir(path):
        files = [entry.path for entry in sorted(os.scandir(path), key=lambda entry: entry.name) if entry.is_file()]
        if not files:
            raise InvalidInputError(f"{where}: there are no files in {path}")
    else:
        raise InvalidInputError(f"{where}: there is no file or folder {path}")
    for file in files:
        yield {
            "backend": "path",
            "path": file,
            "size": os.path.getsize(file),
            "version": str(os.stat(file).st_mtime_ns),
        }


def _objects(client: LithopsClient, path: str, where: str, *, versions: bool) -> Iterator[ObjectChunk]:
    from lithops.utils import split_object_url

    if path.startswith(("file://", "://")):
        raise InvalidInputError(f"{where}: {path}: write a file of this machine as an absolute path")
    if path.count("://") > 1:
        raise InvalidInputError(f"{where}: {path} is no path of an object in storage")
    backend, bucket, prefix, name = split_object_url(path)
    compatible = client.storage_backend in S3_COMPATIBLE and not {"aws", "aws_s3"} & {*client.config}
    if path.startswith("s3://") and compatible:
        backend = client.storage_backend
    backend = backend or client.storage_backend
    try:
        same = backend == client.storage_backend
        storage = client.storage if same else lithops_storage.open_storage(client.config, backend)
    except Exception as error:
        problem = f"the storage backend {backend!r} can't be used: {error}"
        # If a module of Lithops is missing, there is no such backend.
        if isinstance(error, ImportError) and not str(error.name).startswith("lithops."):
            problem = missing_library(f"the storage backend {backend!r}", backend, error)
        raise InvalidInputError(f"{where}: {path}: {problem}") from error
    key = f"{prefix}/{name}" if prefix and name else prefix or name
    try:
        found = _list(storage, bucket, key, single=bool(name) and "*" not in key)
    except Exception as error:
        client.check_not_refused(error, f"looking for {path}", backend)
        if isinstance(error, ValueError):  # a pattern
            raise InvalidInputError(f"{where}: {path}: {error}") from error
        raise
    if not found:
        hint = f"; for all objects under it, write {path}/" if name and "*" not in key else ""
        raise InvalidInputError(f"{where}: there is no object {path} in {_place(backend)}{hint}")
    found = sorted(found, key=lambda entry: str(entry["Key"]))
    with ThreadPoolExecutor(_LOOKUPS) as pool:
        version = functools.partial(lithops_storage.object_version, storage, bucket)
        versions_of = pool.map(version, found) if versions else [None] * len(found)
        for entry, one in zip(found, versions_of, strict=True):
            yield {
                "backend": backend,
                "bucket": bucket,
                "key": entry["Key"],
                "size": int(entry["Size"]),
                "version": one,
            }


def _place(backend: str) -> str:
    """Returns in words where a storage backend has its objects, as far as a user can look there."""
    if backend != "localhost":
        return f"the storage backend {backend}"
    from lithops.constants import LITHOPS_TEMP_DIR

    return f"the storage backend localhost, whose buckets are folders of {LITHOPS_TEMP_DIR}"


def _list(storage: Any, bucket: str, key: str, *, single: bool) -> list[dict[str, Any]]:
    try:
        if single:
            head = storage.head_object(bucket, key)
            size = head.get("content-length")
            return [] if size is None else [{**head, "Key": key, "Size": size}]
        if "*" in key:
            # Only two of Lithops's backends apply a pattern themselves; so all keys before its "*" are listed.
            found = storage.list_objects(bucket, key[: key.index("*")])
            return [entry for entry in found if lithops_storage.matches(key, entry["Key"]) and entry["Key"][-1] != "/"]
        found = storage.list_objects(bucket, f"{key}/" if key else None)
    except Exception as error:
        if lithops_storage.is_missing_key(error):
            return []
        raise
    return [entry for entry in found if not entry["Key"].endswith("/")]


def _number_of_chunks(size: int, chunk_size: int | None, chunk_number: int | None) -> int:
    if chunk_number and size:
        return min(chunk_number, size)
    return -(-size // chunk_size) if chunk_size and size else 1


def _chunks(
    description: ObjectChunk, chunk_size: int | None, chunk_number: int | None, newline: str | None
) -> list[ObjectChunk]:
    size = description["size"]
    described: ObjectChunk = {**description}
    described.pop("whole", None)
    name = str(description.get("key") or description.get("path") or urlsplit(description.get("url", "")).path)
    if name.endswith(".parquet"):
        newline = None  # a Parquet file is split between its row groups, see remote/objects/tables.py
    compressed = newline is not None and name.endswith(_COMPRESSED)
    if size and (chunk_size or chunk_number) and (compressed or description.get("whole")):
        logger.warning("%s is not split: %s", name, "it is compressed" if compressed else "its server has no ranges")
        bounds = [(0, size)]
    elif chunk_number and size:
        bounds = [(piece.start, piece.stop) for piece in split_evenly(size, min(chunk_number, size))]
    elif chunk_size and size:
        bounds = [(start, min(start + chunk_size, size)) for start in range(0, size, chunk_size)]
    else:
        bounds = [(0, size)]
    return [
        {
            **described,
            "start": start,
            "end": end,
            "part": part,
            "total_parts": len(bounds),
            "newline": newline,
        }
        for part, (start, end) in enumerate(bounds, start=1)
    ]
