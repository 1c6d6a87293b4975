"""
The client of one Lithops configuration: its storage and, when it is needed, its compute backend. Everything in `jobs/`
that reads, writes or sends something goes through it, so that failing requests are repeated in one place.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, TypeVar

from lithops_provider.jobs.adapter import compute as lithops_api
from lithops_provider.jobs.adapter import storage as lithops_storage
from lithops_provider.jobs.adapter.queues import delete_queue
from lithops_provider.jobs.adapter.refusals import explain_refusals
from lithops_provider.jobs.adapter.time_limit import within
from lithops_provider.jobs.config.libraries import missing_library
from lithops_provider.jobs.errors import (
    ConfigurationError,
    LithopsJobError,
    StorageRefusedError,
    StorageUnavailableError,
)
from lithops_provider.jobs.job import LithopsJob

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds before a failed request is repeated for the first time; each further delay is twice as long, up to 10.
_FIRST_DELAY = 0.2
#: Objects that a request deletes at most, as on S3, and how many of these requests are made at once.
_DELETED_AT_ONCE = 1_000
_DELETING = 8
#: Bytes a second below which writing counts as stuck: the time limit of a write grows with the size of its object.
_SLOWEST = 1 << 20
#: Seconds that reading an object may take whose size isn't known beforehand.
READ_SECONDS = 600.0


class LithopsClient:
    """
    Talks to the backends of a configuration. Each backend is opened when it is first used, which takes a few
    milliseconds on localhost and a request or two elsewhere. Following and gathering never open the compute backend.

    :param config: complete configuration, from `lithops_provider.jobs.config.resolve.resolve_config`
    :param patience: seconds for which a failing request to the storage is repeated; 0 leaves that to the caller
    :param request_seconds: seconds after which a request without an answer counts as failed; large objects get more
    """

    def __init__(self, config: dict[str, Any], patience: float = 60.0, request_seconds: float = 60.0) -> None:
        self.config = config
        self.patience = patience
        self.request_seconds = request_seconds
        #: What `lithops_provider.jobs.submit.runtime_check` has found fit: runtime, memory and pickled function.
        self.fit_runtimes: set[tuple[str, int | None, bytes]] = set()
        lithops_api.quiet_lithops()

    @cached_property
    def _internal_storage(self) -> Any:
        name = self.config["lithops"]["storage"]
        try:
            return within(
                self.request_seconds, lambda: lithops_storage.open_internal_storage(self.config), f"opening {name}"
            )
        except ModuleNotFoundError as error:
            raise ConfigurationError(missing_library(f"the storage backend {name!r}", name, error)) from error
        except LithopsJobError:
            raise
        except Exception as error:
            self.check_not_refused(error, "opening it")
            raise StorageUnavailableError(f"can't open the storage backend {name!r}: {error}") from error

    @cached_property
    def compute(self) -> lithops_api.Compute:
        """The compute backend."""
        name = self.config["lithops"]["backend"]
        try:
            with explain_refusals(name):
                return lithops_api.Compute(self.config, self._internal_storage)
        except ModuleNotFoundError as error:
            raise ConfigurationError(missing_library(f"the compute backend {name!r}", name, error)) from error
        except OSError as error:
            self.check_not_refused(error, "opening the compute backend", storage=name)
            raise

    @property
    def backend(self) -> str:
        """Name of the compute backend."""
        return str(self.config["lithops"]["backend"])

    @property
    def storage(self) -> Any:
        """Lithops's Storage."""
        return self._internal_storage.storage

    @property
    def storage_backend(self) -> str:
        """Name of the storage backend."""
        return str(self._internal_storage.backend)

    @property
    def bucket(self) -> str:
        """Name of the bucket that holds the jobs' data, which Lithops may have chosen itself."""
        return str(self._internal_storage.bucket)

    def check_holds(self, job: LithopsJob) -> None:
        """
        Checks that a job's data is in the storage and bucket of this client.

        :param job: the job
        :raises StorageUnavailableError: it is in another
        """
        if (job.storage, job.bucket) != (self.storage_backend, self.bucket):
            raise StorageUnavailableError(
                f"job {job.executor_id} is in {job.storage}://{job.bucket}, but the configuration is for "
                f"{self.storage_backend}://{self.bucket}: the connection was changed, or could not be read"
            )

    def put(self, key: str, data: bytes) -> None:
        """Writes an object to the job bucket."""
        self._put(key, lambda: data, len(data))

    def put_pieces(self, key: str, pieces: Callable[[], Iterable[bytes]], size: int) -> None:
        """
        Writes an object to the job bucket that is made of many pieces. On localhost, they are never all in memory. The
        clients of other storages send an object again after a failure, for which they need all of it.

        :param key: its key
        :param pieces: returns the pieces, the same each time; none is empty
        :param size: how many bytes they have together
        """
        if self.storage_backend == "localhost":
            self._put(key, lambda: lithops_storage.PieceReader(pieces()), size)
        else:
            self.put(key, b"".join(pieces()))

    def _put(self, key: str, body: Callable[[], Any], size: int) -> None:
        limit = self.request_seconds + size / _SLOWEST

        def write() -> None:
            try:
                self.storage.put_object(self.bucket, key, body())
            except OSError as error:
                on_disk = self.storage_backend == "localhost"
                if not (on_disk and lithops_storage.is_full(error) and lithops_storage.remove_abandoned(self.bucket)):
                    raise
                self.storage.put_object(self.bucket, key, body())

        self.patiently(write, f"writing {key}", limit)

    def get(self, bucket: str, key: str, *, large: bool = False) -> bytes | None:
        """Returns an object's bytes, or None if there is no such object. ``large`` allows the request more time."""

        def read() -> bytes | None:
            try:
                return bytes(self.storage.get_object(bucket, key))
            except Exception as error:
                if lithops_storage.is_missing_key(error):
                    return None
                raise

        return self.patiently(read, f"reading {key}", READ_SECONDS if large else None)

    def get_json(self, bucket: str, key: str) -> dict[str, Any] | None:
        """
        Returns a JSON object, or None if there is none. One that can't be parsed counts as missing: some storages don't
        write objects as a whole, so it is cut off if its writer was killed or the disk was full.
        """
        data = self.get(bucket, key)
        if data is None:
            return None
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):  # the latter if it is nested very deeply
            found = None
        if isinstance(found, dict):
            return found
        logger.warning("%s is damaged, and is taken to be missing", key)
        return None

    def get_range(self, bucket: str, key: str, first: int, last: int) -> bytes | None:
        """
        Returns bytes of an object, fewer if it ends before ``last``; None if there is no such object.

        :param bucket: its bucket
        :param key: its key
        :param first: number of the first byte
        :param last: number of the last byte
        """

        def read() -> bytes | None:
            try:
                extra = {"Range": f"bytes={first}-{last}"}
                return bytes(self.storage.get_object(bucket, key, extra_get_args=extra))
            except Exception as error:
                if lithops_storage.is_missing_key(error):
                    return None
                raise

        return self.patiently(read, f"reading {key}")

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """Returns the keys that begin with a prefix."""
        return self.patiently(lambda: list(self.storage.list_keys(bucket, prefix)), f"listing {prefix}")

    def delete(self, bucket: str, keys: list[str]) -> None:
        """Deletes objects: as many by each request as all storages take, so that each has the time of a request."""

        def delete(some: list[str]) -> None:
            self.patiently(
                lambda: lithops_storage.delete_objects(self.storage, bucket, some), f"deleting {len(some)} objects"
            )

        pieces = [keys[start : start + _DELETED_AT_ONCE] for start in range(0, len(keys), _DELETED_AT_ONCE)]
        if len(pieces) < 2:
            for piece in pieces:
                delete(piece)
            return
        with ThreadPoolExecutor(_DELETING) as pool:
            for _ in pool.map(delete, pieces):
                pass

    def delete_messages(self, executor_id: str) -> None:
        """Deletes the message queue of a job, if ``monitoring`` is anything but the storage; warns if it can't."""
        try:
            delete_queue(self.config, self._internal_storage, executor_id)
        except Exception as error:
            logger.warning("The messages of job %s could not be deleted: %r", executor_id, error)

    def check_not_refused(self, error: Exception, what: str, storage: str | None = None) -> None:
        """
        Raises if an error of the storage is about credentials, or about a disk that is full or read-only: repeating the
        request won't help then. Otherwise it returns, and the caller decides.

        :param error: what the storage's client raised
        :param what: what was being done, in words
        :param storage: name of the storage backend, if it isn't the configured one
        :raises StorageRefusedError: the error is one of these
        """
        name = storage or self.config["lithops"]["storage"]
        if name == "localhost" and (to_do := lithops_storage.disk_problem(error)):
            raise StorageRefusedError(f"the storage {name!r} failed, {what}: {_first_of(error)}; {to_do}") from error
        if lithops_storage.is_refused(error):
            raise StorageRefusedError(
                f"the storage {name!r} refused the credentials, or they don't allow this, {what}: {error}; check the "
                f"section {name!r} of the configuration"
            ) from error

    def patiently(self, action: Callable[[], T], what: str, limit: float | None = None) -> T:
        """
        Does something with the storage, and repeats it with growing delays, up to `patience` seconds, while it fails.

        :param action: what to do
        :param what: the same in words, for messages
        :param limit: seconds without an answer that count as a failure; None for ``request_seconds``
        :raises StorageRefusedError: the storage refuses the credentials, or its disk is full or read-only
        :raises StorageUnavailableError: it failed for too long
        """
        give_up = time.monotonic() + self.patience
        delay = _FIRST_DELAY
        while True:
            try:
                return within(limit or self.request_seconds, action, what)
            except LithopsJobError:  # from a nested call of this method, which has repeated the request already
                raise
            except Exception as error:
                self.check_not_refused(error, what)
                if delay == _FIRST_DELAY and self.patience:
                    logger.warning("%s failed, trying again for %g s: %r", what, self.patience, error)
                if time.monotonic() + delay > give_up:
                    raise StorageUnavailableError(
                        f"the storage {self.storage_backend!r} failed for {self.patience:g} s, {what}: {error!r}"
                    ) from error
            time.sleep(delay * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
            delay = min(delay * 2, 10.0)


def _first_of(error: BaseException) -> BaseException:
    """Returns the OSError behind an error: Lithops raises that an object isn't there, whatever the reason was."""
    while not isinstance(error, OSError) and error.__context__ is not None:
        error = error.__context__
    return error
