"""
Fills in the arguments that a function gets beside the user's: Lithops's reserved names, objects, and results of other
jobs. items.py calls it before each item.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from .class_pickles import load
from .keys import JOBS_PREFIX
from .output import storable
from .reduce.values import read_values
from .shipped_modules import load_result
from .storages import open_storage

if TYPE_CHECKING:
    from .frames import Reference, Special

#: How many places that functions write to are reported as bucket and prefix; of any further one, the bucket alone is.
_MOST_WRITTEN = 20
#: Characters of the name of such a place.
_PLACE = 1_024


class UpstreamItemFailedError(Exception):
    """The item is the result of an item that failed in another job."""


class Injection:
    """
    Completes the arguments of an item.

    :param names: the reserved names that the function takes: ``id``, ``storage``, ``ibm_cos``, ``rabbitmq``
    :param places: the positional parameters that are filled in, and how many parameters come before each
    :param barrier: how many positional arguments an item may have at most, since further ones would pass a parameter
        that is filled in, and the error's message then; None if there is no such limit
    :param defaults: values for parameters that nothing else gives: name, how many positional arguments come before it
        (None if it is given by name only), value
    :param config: the complete Lithops configuration; None for the one that the Lithops worker has set
    """

    def __init__(
        self,
        names: tuple[str, ...],
        places: tuple[tuple[str, int], ...],
        barrier: tuple[int, str] | None = None,
        defaults: tuple[tuple[str, int | None, Any], ...] = (),
        *,
        config: dict[str, Any] | None = None,
    ) -> None:
        self.names = names
        self.places = places
        self.barrier = barrier
        self.defaults = defaults
        self._known_config = config
        self._clients: dict[str, Any] = {}
        #: The results of another job that were read last: key of the part, where they begin and end in it, the bytes.
        self._window: tuple[str, tuple[int, int], bytes] | None = None
        #: Whether each item's arguments have to be completed, not only those of items with something ``special``.
        self.always = bool(names or places or defaults)
        #: Bucket and prefix of each place that ``storage`` has written to, and of those that are still to be reported.
        self._written: set[tuple[str, str]] = set()
        self.unreported: list[tuple[str, str]] = []

    def __call__(
        self, index: int, args: tuple[Any, ...], kwargs: dict[str, Any], special: Special | None
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """
        Returns the positional and keyword arguments to call the function with.

        :param index: the item's index, which becomes ``id``
        :param args: the item's own positional arguments and those that all items share
        :param kwargs: the same for keywords
        :param special: what is to be filled in for this item alone, or None
        :raises UpstreamItemFailedError: the item is the result of an item that failed in another job
        """
        filled: dict[str, Any] = {}
        if special is not None:
            args, kwargs = self._fill_special(special, args, kwargs, filled)
        for name in self.names:
            if name not in kwargs:  # a given one wins
                filled[name] = index if name == "id" else self._client(name)
        named = {**kwargs, **filled} if filled or self.places or self.defaults else kwargs
        for name, place, value in self.defaults:
            if name not in named and (place is None or place >= len(args)):
                named[name] = value
        for name, place in self.places:
            # By position, if all arguments before it are given so: those after it may be positional as well.
            if place <= len(args) and name in named:
                args = (*args[:place], named.pop(name), *args[place:])
        return args, named

    def _fill_special(
        self, special: Special, args: tuple[Any, ...], kwargs: dict[str, Any], filled: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Adds an object in storage and results of other jobs to the arguments, or to ``filled`` by parameter."""
        if "object" in special:
            from .objects.chunks import open_chunk  # shipped only with functions that take an object

            name, description = special["object"]
            in_storage = description["backend"] not in ("path", "url")
            filled[name] = open_chunk(self.storage(description["backend"]) if in_storage else None, description)
        for place, references, single in special.get("results", ()):
            values = [value for entry in references for value in self._read(entry)]
            given = values[0] if single else values
            if isinstance(place, int):
                args = (*args[:place], given, *args[place:])
            else:
                filled[place] = given
        if "stored" in special:
            from .reduce.stored import AllValues, StoredPairs  # shipped only with a reduce by key

            args = (StoredPairs(self.storage(None), special["stored"]), AllValues(), *args)
        if "failed" in special:
            raise UpstreamItemFailedError(special["failed"])
        if "result" in special:
            return self._with_result(special["result"], args, kwargs)
        return args, kwargs

    def _read(self, reference: Reference) -> list[Any]:
        """Returns results of another job: those of some or all items, or those that lie at given places in parts."""
        if "spans" not in reference:
            return read_values(self.storage(None), reference)
        from .reduce.spans import read_sized  # shipped only with reduces

        return [value for value, _ in read_sized(self.storage(None), reference["bucket"], reference["spans"])]

    def _with_result(
        self, where: tuple[Any, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Adds a result of another job to the arguments, by the rules for an item that is given by value."""
        argument, _, bucket, key, span, (start, end) = where
        storage = self.storage(None)
        if self._window is None or self._window[:2] != (key, span):
            ranged = {"Range": f"bytes={span[0]}-{span[1] - 1}"}
            self._window = (key, span, storage.get_object(bucket, key, extra_get_args=ranged))
        blob = memoryview(self._window[2])[start - span[0] : end - span[0]]
        value = load_result(lambda: load(blob), storage, bucket, key.rsplit("/", 2)[0])
        if argument is not None:
            value = {argument: value}
        elif not isinstance(value, dict):
            args = (*value, *args) if isinstance(value, tuple) else (value, *args)
            if self.barrier is not None and len(args) > self.barrier[0]:
                raise TypeError(f"the upstream's result does not fit: {self.barrier[1]}")
            return args, kwargs
        twice = sorted(set(value) & set(kwargs))
        if twice:
            raise TypeError(f"the upstream's result and extra_args both give the parameter {twice[0]!r}")
        return args, {**value, **kwargs}

    def storage(self, backend: str | None) -> Any:
        """
        Returns a Lithops Storage of this process's own, since it can't use the connections of its parent's.

        :param backend: name of the storage backend; the configured one if None
        """
        key = f"storage:{backend}"
        if key not in self._clients:
            self._clients[key] = open_storage(config=self._config(), backend=backend)
        return self._clients[key]

    def take_written(self) -> list[tuple[str, str]]:
        """Returns bucket and prefix of each place that ``storage`` has written to and that wasn't returned before."""
        unreported, self.unreported = self.unreported, []
        return unreported

    def _recorded(self, storage: Any) -> Any:
        """Returns a storage that notes where functions write."""
        handler = storage.storage_handler

        def noting(write: Any, bucket_at: int) -> Any:
            def call(*args: Any, **kwargs: Any) -> Any:
                result = write(*args, **kwargs)
                if len(args) > bucket_at + 1 and result is not False:  # as for a file that isn't there
                    # A file that is uploaded without a key gets its own name as the key.
                    self._note(str(args[bucket_at]), str(args[bucket_at + 1] or ""))
                return result

            return call

        handler.put_object = noting(handler.put_object, 0)
        handler.upload_file = noting(handler.upload_file, 1)
        return storage

    def _note(self, bucket: str, key: str) -> None:
        prefix = key.rpartition("/")[0]
        if key.startswith(JOBS_PREFIX):
            prefix = "/".join(key.split("/")[:2])  # objects of each call lie in a folder of its own there
        bucket, prefix = storable(bucket, _PLACE), storable(prefix, _PLACE)
        place = (bucket, prefix if len(self._written) < _MOST_WRITTEN else "")
        if (bucket, prefix) not in self._written and place not in self._written:
            self._written.add(place)
            self.unreported.append(place)

    def _client(self, name: str) -> Any:
        if name == "storage":
            if name not in self._clients:
                self._clients[name] = self._recorded(self.storage(None))
            return self._clients[name]
        if name not in self._clients:
            self._clients[name] = self._ibm_cos() if name == "ibm_cos" else self._rabbitmq()
        return self._clients[name]

    def _ibm_cos(self) -> Any:
        self._require("ibm_cos")
        return self.storage("ibm_cos").get_client()

    def _rabbitmq(self) -> Any:
        self._require("rabbitmq")
        import pika

        return pika.BlockingConnection(pika.URLParameters(self._config()["rabbitmq"].get("amqp_url")))

    def _require(self, section: str) -> None:
        if section not in self._config():
            raise ValueError(
                f"the function takes a parameter {section!r}, for which the Lithops configuration has no section"
            )

    def _config(self) -> dict[str, Any]:
        if self._known_config is not None:
            return self._known_config
        config: dict[str, Any] = json.loads(os.environ["LITHOPS_CONFIG"])  # set by the Lithops worker
        return config
