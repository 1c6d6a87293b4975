"""
Finishes a set of files once all are written: makes their columns the same in each, and writes the manifest.
`operators/files.py` calls it.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.outputs import target as place
from lithops_provider.jobs.outputs.target import Target

if TYPE_CHECKING:
    from lithops_provider.jobs.outputs.writer import Written
    from lithops_provider.jobs.remote.frames import Arguments


#: The type of a column that is None in each row of a file, as Arrow names it.
_NULL = "null"
#: Matches types of which it is only known that they have something in them, such as that of lists that are all empty.
_OPEN = re.compile(r": null\b")
_DECIMAL = re.compile(r"decimal128\((\d+), (\d+)\)")
#: Digits that a decimal may have at most.
_MOST_DIGITS = 38
#: Pairs of types that a column may have in different files, and the type that holds the values of both.
_WIDER = {frozenset({"int64", "double"}): "double", frozenset({"date32[day]", "timestamp[us]"}): "timestamp[us]"}


def common_columns(written: Sequence[Written]) -> dict[str, tuple[str, str]]:
    """
    Returns the columns of all files together: by the name of the column its type's name, and its schema as Arrow
    writes it, or that name again if no file has the type.

    :param written: what was returned for each file
    :raises InvalidInputError: a column has types that no single one can hold
    """
    columns: dict[str, dict[str, str]] = {}
    first: dict[tuple[str, str], str] = {}
    for entry in written:
        for name, (kind, schema) in (entry["columns"] or {}).items():
            columns.setdefault(name, {}).setdefault(kind, schema)
            first.setdefault((name, kind), entry["files"][0]["name"])
    return {name: _common(name, kinds, first) for name, kinds in columns.items()}


def _common(name: str, kinds: dict[str, str], first: Mapping[tuple[str, str], str]) -> tuple[str, str]:
    known = {kind: schema for kind, schema in kinds.items() if kind != _NULL} or kinds
    known = {kind: schema for kind, schema in known.items() if _OPEN.search(kind) is None} or known
    wider = _WIDER.get(frozenset(known)) or _wider_decimal(known)
    if wider is not None:
        known = {wider: known.get(wider, wider)}
    if len(known) > 1:
        places = " and ".join(f"{kind} in {first[name, kind]}" for kind in sorted(known))
        raise InvalidInputError(
            f"results_format: the column {name!r} is {places}; have the function return values of one type for it"
        )
    return next(iter(known.items()))


def _wider_decimal(kinds: Iterable[str]) -> str | None:
    """Returns the decimal that holds others: each file has that of its own longest values. None if there is none."""
    found = [_DECIMAL.fullmatch(kind) for kind in kinds]
    sizes = [(int(match[1]), int(match[2])) for match in found if match is not None]
    if len(sizes) < len(found):
        return None
    scale = max(scale for _, scale in sizes)
    digits = max(digits - scale for digits, scale in sizes) + scale
    return f"decimal128({digits}, {scale})" if digits <= _MOST_DIGITS else None


def rewritten_items(
    items: Sequence[Arguments], written: Sequence[Written], columns: Mapping[str, tuple[str, str]]
) -> list[Arguments]:
    """
    Returns the items that write some files anew: those whose columns aren't the same, in the same order, as those of
    all files together. Readers take the columns of the first file for those of all.

    :param items: the items of all files
    :param written: what was returned for each of them
    :param columns: from `common_columns`
    """
    types = {name: schema for name, (_, schema) in columns.items()}
    return [
        (args, {"spec": {**kwargs["spec"], "types": types}}, special)
        for (args, kwargs, special), entry in zip(items, written, strict=True)
        if entry["columns"] is not None and [*entry["columns"].items()] != [*columns.items()]
    ]


def replaced(written: Sequence[Written], anew: Sequence[Written]) -> list[Written]:
    """
    Returns what was returned for all files, with that of files which were written anew in its place.

    :param written: what was returned for all files at first
    :param anew: what was returned for those that were written anew
    """
    latest = {entry["files"][0]["name"]: entry for entry in anew}
    return [latest.get(entry["files"][0]["name"], entry) if entry["files"] else entry for entry in written]


def complete(
    client: LithopsClient,
    target: Target,
    writer: str,
    mapped: LithopsJob | None,
    written: Sequence[Written],
    *,
    results_format: str,
    overwrite: bool,
) -> dict[str, Any]:
    """
    Writes the failures, the manifest, and last ``_SUCCESS``. Deletes what an earlier run has left.

    :param client: the client of the storage
    :param target: where the files are
    :param writer: executor id of the job whose results they hold
    :param mapped: the job of the map; None if it had no items
    :param written: what was returned for each file
    :param results_format: their format
    :param overwrite: whether to delete everything else under the prefix
    :returns: what the task returns: where the manifest is, and its counts
    :raises PrefixTakenError: another run has begun to write there
    """
    files = [file for entry in written for file in entry["files"]]
    failed = _store_failures(client, target, mapped)
    counts = {
        "files": len(files),
        "rows": sum(file["rows"] for file in files),
        "bytes": sum(file["bytes"] for file in files),
        "items": 0 if mapped is None else mapped.items,
        "failed": failed,
    }
    types = {name: kind for name, (kind, _) in common_columns(written).items()} or None
    manifest = {
        place.MARK: place.VERSION,
        "format": results_format,
        "job": None if mapped is None else mapped.executor_id,
        "function": None if mapped is None else mapped.function,
        "written": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        **{name: count for name, count in counts.items() if name != "files"},
        "columns": types,
        "failures": place.FAILURES if failed else None,
        "files": files,
    }
    names = {file["name"] for file in files} | ({place.FAILURES} if failed else set())
    place.finish(client, target, writer, json.dumps(manifest, indent=1).encode(), names, overwrite=overwrite)
    return {
        "path": target.path,
        "manifest": f"{target.path}{place.MANIFEST}",
        "format": results_format,
        "columns": types,
        **counts,
    }


def _store_failures(client: LithopsClient, target: Target, mapped: LithopsJob | None) -> int:
    """Copies the failures of the map's items, which are deleted with the job, and returns how many there are."""
    data = None if mapped is None else client.get(mapped.bucket, mapped.failures_key(), large=True)
    if data is None:
        return 0
    place.put(client, target, place.FAILURES, data)
    return len(json.loads(data))
