"""
Azure: what its program ``az`` does for Lithops, function apps that a queue or requests trigger, and container apps. The
queues are those of Azurite. Function apps' archives are not looked at: Lithops's own entry point is run.
"""

from __future__ import annotations

import base64
import functools
import itertools
import json
import os
import runpy
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.backends.standins.deployed import Functions
from tests.backends.standins.functions import run, stop
from tests.backends.standins.web import serve

_FUNCTION = "lithops.serverless.backends.azure_functions.entry_point"
_CONTAINER = "lithops.serverless.backends.azure_containers.entry_point"
#: Instances of a function app, each of which runs a call at a time.
_INSTANCES = 4
#: How often a message is given to a function that dies of it.
_TRIES = 5
#: Seconds that a call of a function app has, and a container app's replica until it is started anew.
_LONGEST, _REPLICA = 600, 3600
#: Whether requests trigger function apps, and not a queue: that is said in the archive, which isn't looked at.
_ARE_REQUESTED = os.environ.get("STANDIN_TRIGGER") == "https"
#: Seconds between two looks at a queue.
_INTERVAL = 0.5


class Azure(Functions):
    """Handles a command of ``az``."""

    modules = (_FUNCTION, "azure.storage.queue", "azure.storage.blob")

    def handle_request(self, path: list[str], query: dict[str, str], content: Any) -> tuple[int, Any]:
        """Answers with what the command prints."""
        if path == ["api", "lithops_handler"]:
            return self._call(f"functionapp-{self.host.partition('.')[0]}", content)
        assert path == ["az"], path
        kind, *command = itertools.takewhile(lambda word: not word.startswith("-"), content)
        options = {name: value for name, value in itertools.pairwise(content) if name.startswith("-")}
        if kind == "storage":
            return 200, json.dumps(os.environ["STANDIN_QUEUES"]).encode()
        if command[0] == "env":
            return 200, b'"an-environment"'
        name = f"{kind}-{options.get('--name') or options.get('-n')}"
        if len(command) > 1:  # the app's settings, its archive
            return 200, self.function(name)
        return 200, self._handle_app(kind, command[0], name, {**options, "tags": _tags(content)})

    def _handle_app(self, kind: str, action: str, name: str, options: dict[str, Any]) -> Any:
        if action == "list":
            apps = [app for app in self.functions() if app["service"] == kind]
            return [{"Name": app["name"], "Tags": app["tags"]} for app in apps]
        if action == "show":
            self.function(name)
            return b"Succeeded"
        if action == "delete":
            stop(self.folder_of(name))
            return self.delete(name)
        assert action in ("create", "update"), action
        app = {"service": kind, "version": uuid.uuid4().hex}
        if kind == "containerapp":
            app |= json.loads(Path(options["--yaml"]).read_text())
            start = _start_containers
        else:
            app |= {"name": options["--name"], "tags": options["tags"], "megabytes": int(options["--instance-memory"])}
            start = _start_functions
        stop(self.folder_of(name))
        if kind == "containerapp" or not _ARE_REQUESTED:
            self.afterwards = functools.partial(start, self.folder_of(name), app)
        return self.keep(name, app)

    def _call(self, name: str, content: Any) -> tuple[int, bytes]:
        """Calls a function app that requests trigger."""
        call = functools.partial(_call_main_http, json.dumps(content).encode())
        megabytes = self.function(name)["megabytes"]
        status, found = self.invoke(
            name, call, seconds=_LONGEST, megabytes=megabytes, header="invocation-id", waits=True
        )
        return status, str(found).encode()


def _tags(words: list[str]) -> dict[str, str]:
    """Returns the tags that a command has at its end."""
    if "--tags" not in words:
        return {}
    return dict(word.split("=", 1) for word in words[words.index("--tags") + 1 :])


def _start(number: int, folder: Path, serve_one: Callable[[], None]) -> None:
    """Starts processes that serve again and again, until their app is deleted, or deployed anew."""
    version = _version(folder)
    for _ in range(number):
        if os.fork() == 0:
            while _version(folder) == version:
                serve_one()
            os._exit(0)


def _version(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / "function.json").read_text())["version"])
    except (FileNotFoundError, ValueError):  # it is gone, or just being written anew
        return None


def _start_containers(folder: Path, app: dict[str, Any]) -> None:
    template = app["properties"]["template"]
    (container,) = template["containers"]
    environment = {variable["name"]: variable.get("value", "") for variable in container["env"]}
    environment["QueueConnectionString"] = app["properties"]["configuration"]["secrets"][0]["value"]
    megabytes = int(float(container["resources"]["memory"].removesuffix("Gi")) * 1024)

    def run_replica() -> None:
        main = functools.partial(runpy.run_module, _CONTAINER, run_name="__main__")
        run(main, folder / uuid.uuid4().hex, environment, seconds=_REPLICA, megabytes=megabytes)

    _start(template["scale"]["maxReplicas"], folder, run_replica)


def _start_functions(folder: Path, app: dict[str, Any]) -> None:
    prefix = f"lithops-worker-{app['name'].rpartition('-')[2]}"

    def serve_one() -> None:
        from azure.core.exceptions import AzureError

        given = _queue(f"{prefix}-in-trigger")
        try:
            message = given.receive_message(visibility_timeout=_TRIES * _LONGEST)
        except AzureError:  # Lithops makes the queue after the app
            message = None
        if message is None:
            time.sleep(_INTERVAL)
            return
        call = functools.partial(_call_main, message.id, message.content)
        for _ in range(_TRIES):
            found = run(call, folder / uuid.uuid4().hex, {}, seconds=_LONGEST, megabytes=app["megabytes"])
            if found is not None:
                break
        given.delete_message(message)
        for answer in found or ():
            _queue(f"{prefix}-out-result").send_message(base64.b64encode(answer.encode()).decode())

    _start(_INSTANCES, folder, serve_one)


@functools.cache
def _queue(name: str) -> Any:
    """Returns a queue, with a connection of this process's own."""
    from azure.storage.queue import QueueClient

    return QueueClient.from_connection_string(os.environ["STANDIN_QUEUES"], name)


def _call_main(identifier: str, content: str) -> list[str]:
    """Calls the function's entry point, as Azure's host does, and returns the messages that it sends."""
    import azure.functions
    from lithops.serverless.backends.azure_functions.entry_point import main_queue

    sent: list[str] = []
    message = azure.functions.QueueMessage(id=identifier, body=base64.b64decode(content))
    main_queue(message, SimpleNamespace(set=sent.append))
    return sent


def _call_main_http(body: bytes, identifier: str) -> str:
    """Calls the function's entry point for requests, as Azure's host does, and returns its answer."""
    import azure.functions
    from lithops.serverless.backends.azure_functions.entry_point import main_http

    request = azure.functions.HttpRequest(method="POST", url="/api/lithops_handler", body=body)
    return str(main_http(request, SimpleNamespace(invocation_id=identifier)))


if __name__ == "__main__":
    serve(Azure)
