"""
Google Cloud: tokens, Cloud Run, and functions of the second generation, which are services of Cloud Run's, too. The
message queue by which functions can be triggered speaks gRPC, and isn't here: functions are triggered by https.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.backends.standins.knative import Services
from tests.backends.standins.web import RefusalError, make_token, serve


class Google(Services):
    """Handles a request to any of the hosts."""

    entry_point = "lithops.serverless.backends.gcp_cloudrun.entry_point"
    modules = (entry_point, "lithops.serverless.backends.gcp_functions.entry_point", "google.auth.jwt")

    def url_of(self, namespace: str, name: str) -> str:
        """Returns the address of a service."""
        return f"https://{name}.a.run.app"

    def handle_request(self, path: list[str], query: dict[str, str], content: Any) -> tuple[int, Any]:
        """Answers a request, depending on its host."""
        if path == ["token"]:
            return self._give_token(content)
        if not str(self.headers.get("Authorization")).endswith(os.environ["STANDIN_TOKEN"]):
            raise RefusalError(401, "Request had invalid authentication credentials.")
        if self.host.endswith(".a.run.app"):
            name = self.host.partition(".")[0]
            if (folder := self.server.folder / "functions" / name).exists():
                return self._call_function(folder, content)
            return self.call("a-project", name, content)
        if self.host == "cloudfunctions.googleapis.com":
            return 200, self._handle_functions(path, query, content)
        if self.host == "artifactregistry.googleapis.com":
            return 200, {"name": "lithops"}
        *_, namespace, kind = path[:6]
        assert (self.host, kind) == ("europe-west1-run.googleapis.com", "services"), path
        return 200, self.handle_services(namespace, path[6:], query, content)

    def _give_token(self, content: str) -> tuple[int, Any]:
        """Gives a token for an assertion that is signed with the key of the service account."""
        from google.auth import jwt

        (assertion,) = parse_qs(content)["assertion"]
        try:
            jwt.decode(assertion, certs=Path(os.environ["STANDIN_PUBLIC_KEY"]).read_bytes())
        except ValueError as error:
            raise RefusalError(400, "invalid_grant: Invalid JWT Signature.") from error
        token = make_token(os.environ["STANDIN_TOKEN"])
        return 200, {"access_token": token, "id_token": token, "expires_in": 3600, "token_type": "Bearer"}

    def _handle_functions(self, path: list[str], query: dict[str, str], content: Any) -> Any:
        """Answers ``/v2/projects/<project>/locations/<region>/<functions or operations>/...``."""
        kind, *names = path[5:]
        folder = self.server.folder / "functions"
        if kind == "operations":
            return {"name": "/".join(path[1:]), "done": True}
        if self.command == "POST":
            name = query["functionId"]
            (folder / name).mkdir(parents=True)
            created = {**content, "serviceConfig": {**content["serviceConfig"], "uri": self.url_of("", name)}}
            (folder / name / "service.json").write_text(json.dumps(created))
            return {"name": f"{'/'.join(path[1:5])}/operations/create"}
        if not names:
            return {"functions": [self._read(file) for file in sorted(folder.glob("*/service.json"))]}
        if not (file := folder / names[0] / "service.json").exists():
            raise RefusalError(404, f"Resource '{names[0]}' was not found")
        found = self._read(file)
        if self.command == "DELETE":
            file.unlink()
        return found

    def _call_function(self, folder: Path, content: Any) -> tuple[int, Any]:
        if not (file := folder / "service.json").exists():
            raise RefusalError(404, "Page not found")
        service = self._read(file)["serviceConfig"]
        call = functools.partial(_call_main, content)
        limits = {"seconds": service["timeoutSeconds"], "memory": service["availableMemory"]}
        return self.run_call(folder, call, {}, **limits)


def _call_main(content: Any) -> tuple[int, Any]:
    """Calls the function's entry point, as Google's framework for functions does."""
    import flask
    from lithops.serverless.backends.gcp_functions.entry_point import main

    with flask.Flask("framework").test_request_context(method="POST", json=content):
        return 200, main(flask.request)


if __name__ == "__main__":
    serve(Google)
