"""Functions that a cloud keeps and runs: what the stand-ins of such services share."""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.backends.standins.functions import run
from tests.backends.standins.web import Handler, RefusalError

#: Calls at once, whatever a function asks for.
_CONCURRENT = 4


class Functions(Handler):
    """Keeps functions. A subclass decides who may do what, and how it is said."""

    def functions(self) -> list[dict[str, Any]]:
        """Returns all functions."""
        return [json.loads(file.read_text()) for file in sorted(self.folder_of("").glob("*/function.json"))]

    def function(self, name: str) -> dict[str, Any]:
        """
        Returns a function.

        :param name: its name
        :raises RefusalError: there is none
        """
        file = self.folder_of(name) / "function.json"
        if not file.exists():
            raise RefusalError(404, f"function {name} does not exist")
        found: dict[str, Any] = json.loads(file.read_text())
        return found

    def keep(self, name: str, function: dict[str, Any]) -> dict[str, Any]:
        """
        Creates or changes a function, and returns it.

        :param name: its name
        :param function: what it is
        """
        self.folder_of(name).mkdir(parents=True, exist_ok=True)
        (self.folder_of(name) / "function.json").write_text(json.dumps(function))
        return function

    def delete(self, name: str) -> None:
        """
        Deletes a function.

        :param name: its name
        """
        self.function(name)
        self.folder_of(name).rename(self.server.folder / uuid.uuid4().hex)

    def invoke(
        self,
        name: str,
        call: Callable[[str], Any],
        *,
        seconds: float,
        megabytes: int,
        header: str,
        waits: bool,
    ) -> tuple[int, Any]:
        """
        Invokes a function, and returns the answer.

        :param name: its name
        :param call: what is called in a process of its own, with the id of the call; what it returns is the answer
        :param seconds: that it has
        :param megabytes: that it has
        :param header: of the answer, with the id
        :param waits: whether the answer waits for the call's end, and has what it returned
        """
        self.function(name)
        if self.server.busy >= _CONCURRENT:
            raise RefusalError(429, "too many calls at once")
        identifier = self.answer_headers[header] = uuid.uuid4().hex
        folder = self.folder_of(name) / identifier
        start = functools.partial(
            run, functools.partial(call, identifier), folder, {}, seconds=seconds, megabytes=megabytes
        )
        if not waits:
            self.afterwards = start
            return 202, {}
        if (found := start()) is None:
            raise RefusalError(502, "the function ended without an answer")
        return 200, found

    def folder_of(self, name: str) -> Path:
        """
        Returns the folder of a function.

        :param name: its name
        """
        return self.server.folder / "functions" / name
