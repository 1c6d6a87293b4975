"""
Handles the place of ``results_to``: a prefix in the storage of the job, under which the files go. It checks the prefix
before anything is sent, and takes ``_SUCCESS`` away while files are written, so that readers don't take half of them
for all. `operators/files.py` and manifest.py call it.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import Any

from lithops_provider.jobs.adapter import storage as lithops_storage
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.names import S3_COMPATIBLE
from lithops_provider.jobs.errors import InvalidInputError, PrefixTakenError
from lithops_provider.jobs.remote.keys import JOBS_PREFIX
from lithops_provider.jobs.text import short_repr

FORMATS = ("jsonl", "csv", "parquet", "bytes")
SUFFIXES = {"jsonl": "jsonl", "csv": "csv", "parquet": "parquet", "bytes": "bin"}

SUCCESS, MANIFEST, FAILURES, WRITING = "_SUCCESS", "manifest.json", "failures.json", "_WRITING"
#: The field by which a manifest, or the object `WRITING`, is known to be ours. Its value is the version of the format.
MARK = "lithops_results"
VERSION = 1
#: The names of the objects that are ours under a prefix.
_OURS = re.compile(
    rf"part-\d{{5,8}}\.(?:{'|'.join(SUFFIXES.values())})|{SUCCESS}|{re.escape(MANIFEST)}|{re.escape(FAILURES)}|{WRITING}"
)
#: What may stand between two slashes of a key. On localhost it is the name of a folder.
_SEGMENT = re.compile(r"[^/\\\x00-\x1f\x7f*?]+")
#: Bytes that may stand between two slashes, which is localhost's limit for a folder's name; and bytes that the prefix
#: may have, so that the keys under it fit into S3's limit of 1,024.
_LONGEST_SEGMENT, _LONGEST_PREFIX = 255, 900


@dataclass(frozen=True)
class Target:
    """
    A prefix in storage.

    :param bucket: the bucket
    :param prefix: the prefix, with a slash at its end
    :param path: both as the user has named them, with a slash at their end
    """

    bucket: str
    prefix: str
    path: str

    def key(self, name: str) -> str:
        """Returns the key of the object of a name."""
        return self.prefix + name


def parse_target(client: LithopsClient, results_to: Any) -> Target:
    """
    Returns the prefix that ``results_to`` names.

    :param client: the storage of the job, in which the prefix has to be
    :param results_to: ``bucket/prefix/``, or with the storage before it: ``s3://bucket/prefix/``
    :raises InvalidInputError: it names none, or one of another storage, or that of the jobs' own data
    """
    from lithops.utils import split_object_url

    shown = short_repr(results_to)
    if not isinstance(results_to, str) or not results_to or results_to.startswith(("/", "file://", "http")):
        raise InvalidInputError(
            f"results_to must be a prefix in the connection's storage, such as 's3://bucket/prefix/' or "
            f"'bucket/prefix/', got {shown}"
        )
    if results_to.count("://") > 1:
        raise InvalidInputError(f"results_to is no prefix in a storage: {shown}")
    backend, bucket, folder, name = split_object_url(results_to)
    _check_backend(client, results_to, backend)
    prefix = "/".join(part for part in (folder, name) if part)
    if not bucket or not prefix:
        raise InvalidInputError(
            f"results_to must name a bucket and a prefix in it, such as 'bucket/prefix/', got {shown}: what an earlier "
            "run has left under the prefix is deleted, which must not be all of a bucket"
        )
    segments = [bucket, *prefix.split("/")]
    unfit = [part for part in segments if _SEGMENT.fullmatch(part) is None or part in (".", "..")]
    if unfit or "//" in results_to.rpartition("://")[2]:
        raise InvalidInputError(
            f"results_to can't have empty parts, '.', '..', '*' or '?' between its slashes: {shown}"
        )
    _check_length(results_to, segments)
    if segments[1] == JOBS_PREFIX:
        raise InvalidInputError(
            f"results_to can't be in {JOBS_PREFIX}/, where the jobs' own data lies and is cleaned: {shown}"
        )
    return Target(bucket, f"{prefix}/", results_to.rstrip("/") + "/")


def _check_length(results_to: str, segments: list[str]) -> None:
    try:
        sizes = [len(part.encode()) for part in segments]
    except UnicodeEncodeError:
        raise InvalidInputError(f"results_to has characters that no key can have: {results_to!a:.200}") from None
    if max(sizes) > _LONGEST_SEGMENT or sum(sizes) > _LONGEST_PREFIX:
        raise InvalidInputError(
            f"results_to is too long: it may have {_LONGEST_PREFIX} bytes, and {_LONGEST_SEGMENT} between two slashes, "
            f"got {short_repr(results_to)}"
        )


def _check_backend(client: LithopsClient, results_to: str, backend: str | None) -> None:
    configured = client.storage_backend
    speaks_s3 = results_to.startswith("s3://") and configured in ("aws_s3", *S3_COMPATIBLE)
    if backend not in (None, configured) and not speaks_s3:
        raise InvalidInputError(
            f"results_to is {results_to!r}, but the functions write into the connection's storage, which is "
            f"{configured!r}: write {configured}://bucket/prefix/ or bucket/prefix/, or give the task a connection, or "
            "the parameter storage, for the other"
        )


def check_free(client: LithopsClient, target: Target, *, overwrite: bool) -> list[str]:
    """
    Checks that all objects under the prefix are those of earlier runs of a Lithops task.

    :param client: the client of the storage
    :param target: the prefix
    :param overwrite: whether everything under it may be replaced, whoever has written it
    :returns: the keys that are there
    :raises InvalidInputError: there are objects and no manifest of ours; or there is no such bucket
    """

    def list_keys() -> list[str] | None:
        try:
            return list(client.storage.list_keys(target.bucket, target.prefix))
        except Exception as error:
            if lithops_storage.is_missing_key(error):  # said at once: asking again would not make the bucket
                return None
            raise

    keys = client.patiently(list_keys, f"listing {target.path}")
    if keys is None:
        raise InvalidInputError(f"results_to: there is no bucket {target.bucket!r} for {target.path}")
    if keys and not overwrite and not _is_ours(client, target):
        foreign = next((key for key in keys if not _is_our_name(target, key)), keys[0])
        raise InvalidInputError(
            f"results_to: there are objects under {target.path}, such as {foreign!r}, and no {MANIFEST} of an earlier "
            "run of a Lithops task; give another prefix, or results_overwrite=True to have everything under it replaced"
        )
    return keys


def _is_ours(client: LithopsClient, target: Target) -> bool:
    """Tells whether an earlier run has written there, or has begun to."""
    found = (client.get_json(target.bucket, target.key(name)) for name in (MANIFEST, WRITING))
    return any(value is not None and value.get(MARK) == VERSION for value in found)


def _is_our_name(target: Target, key: str) -> bool:
    return _OURS.fullmatch(key.removeprefix(target.prefix)) is not None


def begin(client: LithopsClient, target: Target, job: str, *, overwrite: bool) -> str:
    """
    Prepares the prefix before the first file of a job is written: from now on until `finish`, there is no ``_SUCCESS``
    and no manifest.

    :param client: the client of the storage
    :param target: the prefix
    :param job: executor id of the job whose results are written
    :param overwrite: see `check_free`
    :returns: which attempt to write them this is. It is the same for a task that is retried, so that it goes on with
        what it has written, unless another job has had the prefix meanwhile: then all has to be written again
    """
    keys = check_free(client, target, overwrite=overwrite)
    attempt = _attempt_of(client, target, job)
    if attempt is None:
        attempt = _take(client, target, job)
    client.delete(target.bucket, [key for key in map(target.key, (SUCCESS, MANIFEST)) if key in keys])
    return attempt


def held(client: LithopsClient, target: Target, job: str) -> str:
    """
    Checks that no other job has taken the prefix since `begin`, and returns what that has returned.

    :param client: its storage
    :param target: the prefix
    :param job: executor id of the job whose results are written
    :raises PrefixTakenError: one has. Files may be of either then, so ``_SUCCESS`` goes, and the other will not have it
    """
    attempt = _attempt_of(client, target, job)
    if attempt is not None:
        return attempt
    _take(client, target, "")
    client.delete(target.bucket, [target.key(name) for name in (SUCCESS, MANIFEST)])
    raise PrefixTakenError(
        f"results_to: another run has begun to write under {target.path} while this one did, so files there may be of "
        "either, and there is no _SUCCESS. Give each run a prefix of its own, as with {{ run_id }}, or have one wait "
        "for the other (max_active_runs=1), and clear the tasks of both"
    )


def _take(client: LithopsClient, target: Target, job: str) -> str:
    attempt = uuid.uuid4().hex
    put(client, target, WRITING, json.dumps({MARK: VERSION, "job": job, "attempt": attempt}).encode())
    return attempt


def _attempt_of(client: LithopsClient, target: Target, job: str) -> str | None:
    """Returns which attempt of a job has the prefix; None if no job has it, or another one."""
    writing = client.get_json(target.bucket, target.key(WRITING)) or {}
    return str(writing.get("attempt")) if job and writing.get("job") == job else None


def finish(
    client: LithopsClient, target: Target, job: str, manifest: bytes, names: set[str], *, overwrite: bool
) -> None:
    """
    Deletes what earlier runs have left, and then writes the manifest and ``_SUCCESS``.

    :param client: the client of the storage
    :param target: the prefix
    :param job: executor id of the job whose results were written
    :param manifest: the content of the manifest
    :param names: the names of the files that stay
    :param overwrite: whether to delete everything else under the prefix, and not only objects with names of ours
    :raises PrefixTakenError: another job has taken the prefix since `begin`
    """
    held(client, target, job)
    keys = client.keys(target.bucket, target.prefix)
    stay = {target.key(name) for name in (*names, WRITING)}
    client.delete(target.bucket, [key for key in keys if key not in stay and (overwrite or _is_our_name(target, key))])
    put(client, target, MANIFEST, manifest)
    put(client, target, SUCCESS, b"")
    client.delete(target.bucket, [target.key(WRITING)])


def put(client: LithopsClient, target: Target, name: str, data: bytes) -> None:
    """
    Writes an object under the prefix.

    :param client: the client of the storage
    :param target: the prefix
    :param name: the object's name
    :param data: its content
    """
    key = target.key(name)
    client.patiently(lambda: client.storage.put_object(target.bucket, key, data), f"writing {key}")
