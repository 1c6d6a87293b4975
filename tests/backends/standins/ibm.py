"""
IBM Cloud: tokens for API keys, Cloud Functions (which are OpenWhisk with such tokens and namespaces of its own), and
the jobs of Code Engine, as the REST interfaces have them.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import runpy
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.backends.standins.functions import run, stop
from tests.backends.standins.openwhisk import OpenWhisk
from tests.backends.standins.web import RefusalError, make_token, serve

_ENTRY_POINT = "lithops.serverless.backends.code_engine.entry_point"
#: Bytes that Linux lets an environment variable have, in which a container gets its payload.
_LONGEST_VARIABLE = 128 << 10


class Ibm(OpenWhisk):
    """Handles a request to any of the hosts."""

    modules = ("flask",)

    def handle_request(self, path: list[str], query: dict[str, str], content: Any) -> tuple[int, Any]:
        """Answers a request, depending on its host."""
        if self.host == "iam.cloud.ibm.com":
            return self._give_token(content)
        self.check_authorization()
        if self.host == "api.eu-de.codeengine.cloud.ibm.com":
            return self._handle_code_engine(path, content)
        if path == ["api", "v1", "namespaces"]:
            return (201, {"id": "ours"}) if self.command == "POST" else (200, {"namespaces": []})
        return super().handle_request(path, query, content)

    def check_authorization(self) -> None:
        """Refuses whoever has no token."""
        if not str(self.headers.get("Authorization")).endswith(os.environ["STANDIN_TOKEN"]):
            raise RefusalError(401, "The supplied authentication is invalid")

    def _give_token(self, content: str) -> tuple[int, Any]:
        if parse_qs(content)["apikey"] != [os.environ["STANDIN_KEY"]]:
            raise RefusalError(400, "Provided API key could not be found.")
        end = int(time.time()) + 3600
        return 200, {
            "access_token": make_token(os.environ["STANDIN_TOKEN"]),
            "refresh_token": "none",
            "token_type": "Bearer",
            "expires_in": 3600,
            "expiration": end,
        }

    def _handle_code_engine(self, path: list[str], content: Any) -> tuple[int, Any]:
        """Answers ``/v2/projects/<project>/<jobs, config_maps or job_runs>/<name>``."""
        if len(path) == 2:
            return 200, {"projects": [{"name": "lithops-eu-de-s3cr", "id": "a-project", "status": "active"}]}
        if len(path) == 3:
            return 200, {"id": "a-project", "status": "active"}
        kind, *names = path[3:]
        folder = self.server.folder / kind
        if self.command == "POST":
            return self._create(kind, folder / content["name"], content)
        if not names:
            found = [json.loads(file.read_text()) for file in sorted(folder.glob("*/content.json"))]
            return 200, {kind: found}
        if not (file := folder / names[0] / "content.json").exists():
            raise RefusalError(404, f"the resource {names[0]} doesn't exist")
        if self.command == "DELETE":
            stop(file.parent)
            file.parent.rename(self.server.folder / uuid.uuid4().hex)
            return 202, {}
        if self.command == "PUT":
            file.write_text(json.dumps({"name": names[0], **content}))
        found = json.loads(file.read_text())
        return 200, {**found, **_state(file.parent, found)} if kind == "job_runs" else found

    def _create(self, kind: str, folder: Path, content: Any) -> tuple[int, Any]:
        if folder.exists():
            raise RefusalError(409, "it exists")
        if kind == "job_runs" and not (self.server.folder / "jobs" / content["job_name"]).exists():
            raise RefusalError(404, "the job doesn't exist")
        folder.mkdir(parents=True)
        (folder / "content.json").write_text(json.dumps(content))
        if kind == "job_runs":
            self.afterwards = functools.partial(self._run, folder, content)
        return 201, content

    def _run(self, folder: Path, content: Any) -> None:
        """Runs each of a job run's processes."""
        job = json.loads((self.server.folder / "jobs" / content["job_name"] / "content.json").read_text())
        environment = {variable["name"]: self._value(variable) for variable in content["run_env_variables"]}
        if max(map(len, environment.values())) > _LONGEST_VARIABLE:
            return
        for index in range(_processes(content)):
            if os.fork() == 0:
                for attempt in range(1 + job["scale_retry_limit"]):
                    found = run(
                        _run_entry_point,
                        folder / f"{index}-{attempt}",
                        {**environment, "JOB_INDEX": str(index)},
                        seconds=content["scale_max_execution_time"],
                        megabytes=int(float(content["scale_memory_limit"].removesuffix("G")) * 1024),
                    )
                    if found or not folder.exists():
                        break
                os._exit(0)

    def _value(self, variable: dict[str, str]) -> str:
        if variable["type"] == "literal":
            return variable["value"]
        config_map = json.loads(
            (self.server.folder / "config_maps" / variable["reference"] / "content.json").read_text()
        )
        return str(config_map["data"][variable["key"]])


def _processes(content: Any) -> int:
    return 1 + int(content["scale_array_spec"].rpartition("-")[2])


def _state(folder: Path, content: Any) -> dict[str, Any]:
    """Returns the fields of a job run that say how far it is."""
    requested = _processes(content)
    succeeded = len(list(folder.glob("*/result.json")))
    status = "completed" if succeeded >= requested else "running"
    return {"status": status, "status_details": {"requested": requested, "succeeded": succeeded}}


def _run_entry_point() -> bool:
    spec = importlib.util.find_spec(_ENTRY_POINT)
    assert spec is not None
    assert spec.origin is not None
    runpy.run_path(spec.origin, run_name="__main__")
    return True


if __name__ == "__main__":
    serve(Ibm)
