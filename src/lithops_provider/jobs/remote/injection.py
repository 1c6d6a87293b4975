"""Arguments that a function gets beside the user's: Lithops's reserved names, objects, results of another job."""

from __future__ import annotations

import json
import os
from typing import Any

from . import results
from .objects import open_chunk


class Injection:
    """
    Completes the arguments of an item.

    :param names: the reserved names that the function takes: ``id``, ``storage``, ``ibm_cos``, ``rabbitmq``
    :param places: the positional parameters that are filled in, and how many come before each
    """

    def __init__(self, names: tuple[str, ...], places: tuple[tuple[str, int], ...]) -> None:
        self.names = names
        self.places = places
        self._clients: dict[str, Any] = {}

    def __call__(
        self, index: int, args: tuple[Any, ...], kwargs: dict[str, Any], special: dict[str, Any] | None
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """
        Returns the positional and keyword arguments to call the function with.

        :param index: the item's index, which becomes ``id``
        :param args: the item's own positional arguments and those that all items share
        :param kwargs: the same for keywords
        :param special: ``{"object": (name, description)}``, ``{"results": (position, reference)}`` or None
        """
        filled: dict[str, Any] = {name: index if name == "id" else self._client(name) for name in self.names}
        if special is not None:
            if "object" in special:
                name, description = special["object"]
                in_storage = description["backend"] not in ("path", "url")
                storage = self.storage(description["backend"]) if in_storage else None
                filled[name] = open_chunk(storage, description)
            if "results" in special:
                position, reference = special["results"]
                values = results.read_values(self.storage(None), reference)
                args = (*args[:position], values, *args[position:])
        for name, place in self.places:
            # By position where all before it are: what comes behind it may be positional as well.
            if place <= len(args) and name in filled:
                args = (*args[:place], filled.pop(name), *args[place:])
        return args, {**kwargs, **filled} if filled else kwargs

    def storage(self, backend: str | None) -> Any:
        """
        Returns a Lithops Storage of this process's own: sockets of the parent's clients can't be shared with it.

        :param backend: name of the storage backend; the configured one if None
        """
        key = f"storage:{backend}"
        if key not in self._clients:
            from lithops.storage import Storage

            self._clients[key] = Storage(config=self._config(), backend=backend)
        return self._clients[key]

    def _client(self, name: str) -> Any:
        if name == "storage":
            return self.storage(None)
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

    @staticmethod
    def _config() -> dict[str, Any]:
        config: dict[str, Any] = json.loads(os.environ["LITHOPS_CONFIG"])  # set by the Lithops worker
        return config
