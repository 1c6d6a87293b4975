"""
Apache OpenWhisk: packages, actions and activations, as its REST interface has them. An action is the zip file that
Lithops uploads; its ``__main__.py`` is run in the process of each activation.
"""

from __future__ import annotations

import base64
import functools
import io
import json
import os
import runpy
import uuid
import zipfile
from pathlib import Path
from typing import Any

from tests.backends.standins.functions import run
from tests.backends.standins.web import Handler, RefusalError, serve

#: Activations at once.
_CONCURRENT = 4
#: Bytes of an activation's arguments; an action's milliseconds and MB: the limits that an installation has by default.
_LARGEST_ARGUMENTS = 1 << 20
_LONGEST, _MEMORY = 600_000, (128, 512)


class OpenWhisk(Handler):
    """Handles a request of OpenWhisk's."""

    def handle_request(self, path: list[str], query: dict[str, str], content: Any) -> tuple[int, Any]:
        """Answers ``/api/v1/namespaces/<namespace>/<kind>/...``."""
        self.check_authorization()
        namespace, kind, *names = path[3:]
        folder = self.server.folder / namespace / kind / "/".join(names)
        handle = {
            ("PUT", "packages"): lambda: self._put_package(folder),
            ("GET", "packages"): lambda: [{"name": found.name} for found in sorted(folder.glob("*"))],
            ("DELETE", "packages"): lambda: self._delete(folder),
            ("PUT", "actions"): lambda: self._put_action(folder, content),
            ("GET", "actions"): lambda: [{"name": found.name} for found in sorted(folder.glob("*"))],
            ("DELETE", "actions"): lambda: self._delete(folder),
        }
        if (self.command, kind) == ("POST", "actions"):
            return self._activate(folder, content, blocking=query.get("blocking") == "true")
        return 200, handle[self.command, kind]()

    def check_authorization(self) -> None:
        """Refuses whoever has not the right key."""
        if self.headers.get("Authorization") != os.environ["STANDIN_AUTHORIZATION"]:
            raise RefusalError(401, "The supplied authentication is invalid")

    def _put_package(self, folder: Path) -> dict[str, Any]:
        if folder.exists():
            raise RefusalError(409, "resource already exists")
        folder.mkdir(parents=True)
        return {"name": folder.name}

    def _put_action(self, folder: Path, content: Any) -> dict[str, Any]:
        limits = content["limits"]
        if not (limits["timeout"] <= _LONGEST and _MEMORY[0] <= limits["memory"] <= _MEMORY[1]):
            raise RefusalError(400, f"the limits {limits} are not allowed: at most {_LONGEST} ms, and {_MEMORY} MB")
        code = zipfile.ZipFile(io.BytesIO(base64.b64decode(content["exec"]["code"])))
        assert {"__main__.py", "lithops/worker/handler.py"} <= set(code.namelist())
        version = folder / uuid.uuid4().hex
        code.extractall(version)
        (version / "limits.json").write_text(json.dumps(limits))
        (folder / "new").symlink_to(version.name)
        (folder / "new").rename(folder / "current")
        return {"name": folder.name, "limits": limits}

    def _delete(self, folder: Path) -> dict[str, Any]:
        if not folder.exists():
            raise RefusalError(404, "The requested resource does not exist.")
        folder.rename(self.server.folder / uuid.uuid4().hex)
        return {"name": folder.name}

    def _activate(self, folder: Path, content: Any, *, blocking: bool) -> tuple[int, Any]:
        action = folder / "current"
        if not action.exists():
            raise RefusalError(404, "The requested resource does not exist.")
        if int(self.headers["Content-Length"]) > _LARGEST_ARGUMENTS:
            raise RefusalError(413, "Request larger than allowed")
        if self.server.busy >= _CONCURRENT:
            raise RefusalError(429, "Too many concurrent requests in flight")
        limits = json.loads((action / "limits.json").read_text())
        activation = uuid.uuid4().hex
        call = functools.partial(
            run,
            lambda: runpy.run_path(str(action / "__main__.py"))["main"](content),
            self.server.folder / "activations" / activation,
            {"__OW_ACTIVATION_ID": activation},
            seconds=limits["timeout"] / 1000,
            megabytes=limits["memory"],
        )
        if blocking:
            found = call()
            if found is None:
                raise RefusalError(502, "The action did not produce a valid response.")
            return 200, found
        self.afterwards = call
        return 202, {"activationId": activation}


if __name__ == "__main__":
    serve(OpenWhisk)
