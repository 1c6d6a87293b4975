"""
Knative Serving: services, as Kubernetes's interface has them. A service is a container of Lithops's, of which here the
WSGI application runs, each request in a process of its own. Google's Cloud Run has the same services.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from tests.backends.standins.functions import run
from tests.backends.standins.web import Handler, RefusalError, serve

#: Requests at once, whatever a service asks for.
_CONCURRENT = 4


class Services(Handler):
    """Has the services of a namespace. A subclass decides who may do what."""

    #: The module of Lithops's entry point.
    entry_point: ClassVar[str]

    def handle_services(self, namespace: str, names: list[str], query: dict[str, str], content: Any) -> Any:
        """
        Answers a request of the management of services.

        :param namespace: theirs
        :param names: that of one, or nothing
        :param query: of the request
        :param content: of the request
        """
        folder = self.server.folder / namespace
        if self.command == "POST":
            return self._create(folder / content["metadata"]["name"], content)
        if not names:
            name = query.get("fieldSelector", "metadata.name=*").partition("=")[2]
            found = [self._read(file) for file in sorted(folder.glob(f"{name}/service.json"))]
            if query.get("watch") in ("true", "True"):
                return {"type": "ADDED", "object": found[0]} if found else {}
            return {"items": found, "metadata": {}}
        file = folder / names[0] / "service.json"
        if not file.exists():
            raise RefusalError(404, f'services.serving.knative.dev "{names[0]}" not found')
        service = self._read(file)
        if self.command == "DELETE":
            file.parent.rename(self.server.folder / uuid.uuid4().hex)
        return service

    def url_of(self, namespace: str, name: str) -> str:
        """Returns the address of a service."""
        raise NotImplementedError

    def _create(self, folder: Path, service: dict[str, Any]) -> dict[str, Any]:
        if folder.exists():
            raise RefusalError(409, "already exists")
        name = service["metadata"]["name"]
        url = self.url_of(folder.parent.name, name)
        ready = [{"type": kind, "status": "True"} for kind in ("ConfigurationsReady", "Ready", "RoutesReady")]
        folder.mkdir(parents=True)
        created = {**service, "status": {"url": url, "conditions": ready}}
        (folder / "service.json").write_text(json.dumps(created))
        return created

    def _read(self, file: Path) -> dict[str, Any]:
        service: dict[str, Any] = json.loads(file.read_text())
        return service

    def call(self, namespace: str, name: str, content: Any) -> tuple[int, Any]:
        """
        Answers a request to a service itself.

        :param namespace: the service's
        :param name: the service's
        :param content: of the request
        """
        folder = self.server.folder / namespace / name
        if not (folder / "service.json").exists():
            raise RefusalError(404, "no such service")
        spec = self._read(folder / "service.json")["spec"]["template"]["spec"]
        return self.run_call(
            folder,
            functools.partial(self._request, content),
            {variable["name"]: variable["value"] for variable in spec["containers"][0]["env"]},
            seconds=spec["timeoutSeconds"],
            memory=spec["containers"][0]["resources"]["limits"]["memory"],
        )

    def run_call(
        self, folder: Path, call: Callable[[], Any], environment: dict[str, str], *, seconds: float, memory: str
    ) -> tuple[int, Any]:
        """
        Runs a call, and returns its status and answer.

        :param folder: of the service
        :param call: returns the same
        :param environment: variables that it gets
        :param seconds: that it has
        :param memory: that it has, as "256Mi"
        """
        if self.server.busy >= _CONCURRENT:
            raise RefusalError(429, "Rate exceeded.")
        megabytes = int(memory.removesuffix("Mi"))
        found = run(call, folder / uuid.uuid4().hex, environment, seconds=seconds, megabytes=megabytes)
        if found is None:
            raise RefusalError(503, "upstream connect error or disconnect/reset before headers")
        return int(found[0]), found[1]

    def _request(self, content: Any) -> tuple[int, Any]:
        application = importlib.import_module(self.entry_point).proxy
        response = application.test_client().post(self.path, json=content)
        return response.status_code, response.get_json()


class Knative(Services):
    """Handles a request of Kubernetes's, or one that comes in by the ingress, to a service."""

    entry_point = "lithops.serverless.backends.knative.entry_point"
    modules = (entry_point,)

    def url_of(self, namespace: str, name: str) -> str:
        """Returns the address of a service."""
        return f"http://{name}.{namespace}.example.com"

    def handle_request(self, path: list[str], query: dict[str, str], content: Any) -> tuple[int, Any]:
        """Answers ``/apis/serving.knative.dev/v1/namespaces/<namespace>/services/...``, or calls a service."""
        if self.host.endswith(".example.com"):
            name, namespace, *_ = self.host.split(".")
            return self.call(namespace, name, content)
        if self.headers.get("Authorization") != os.environ["STANDIN_AUTHORIZATION"]:
            raise RefusalError(401, "Unauthorized")
        _, _, _, _, namespace, kind, *names = path
        assert kind == "services", path
        return 200, self.handle_services(namespace, names, query, content)


if __name__ == "__main__":
    serve(Knative)
