"""Oracle Cloud: applications and functions, by requests that are signed with a user's key."""

from __future__ import annotations

import base64
import functools
import io
import json
import os
import re
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.backends.standins.deployed import Functions
from tests.backends.standins.web import RefusalError, serve

_ENTRY_POINT = "lithops.serverless.backends.oracle_f.entry_point"
#: Seconds and MB that a function may have.
_LONGEST, _MEMORY = 300, (128, 256, 512, 1024, 2048, 3072)


class Oracle(Functions):
    """Handles a request to any of the hosts."""

    modules = (_ENTRY_POINT,)

    def handle_request(self, path: list[str], query: dict[str, str], content: Any) -> tuple[int, Any]:
        """Answers ``/20181201/<functions or applications>/...``, and which namespace the storage has."""
        self._check_signature()
        if self.host.startswith("objectstorage."):
            return 200, "a-namespace"
        _, kind, *names = path
        if kind == "applications":
            return 200, self._handle_applications(content)
        if names[1:] == ["actions", "invoke"]:
            return self._invoke(names[0], content)
        return 200, self._handle_functions(names, content)

    def _check_signature(self) -> None:
        """Refuses a request that isn't signed with the key of the user."""
        signed = dict(re.findall(r'(\w+)="([^"]*)"', str(self.headers.get("Authorization"))))
        values = {name.lower(): value for name, value in self.headers.items()}
        values["(request-target)"] = f"{self.command.lower()} {self.path}"
        key = load_pem_public_key(Path(os.environ["STANDIN_PUBLIC_KEY"]).read_bytes())
        assert isinstance(key, RSAPublicKey)
        try:
            text = "\n".join(f"{name}: {values[name]}" for name in signed["headers"].split())
            key.verify(base64.b64decode(signed["signature"]), text.encode(), PKCS1v15(), SHA256())
        except (KeyError, InvalidSignature) as error:
            raise RefusalError(401, "The required information to complete authentication was incorrect.") from error

    def _handle_applications(self, content: Any) -> Any:
        file = self.server.folder / "application.json"
        if self.command == "POST":
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps({**content, "id": "ocid1.fnapp.oc1..ours"}))
            return json.loads(file.read_text())
        return [json.loads(file.read_text())] if file.exists() else []

    def _handle_functions(self, names: list[str], content: Any) -> Any:
        if self.command == "POST":
            if content["timeoutInSeconds"] > _LONGEST or content["memoryInMBs"] not in _MEMORY:
                raise RefusalError(400, f"at most {_LONGEST} s, and one of {_MEMORY} MB")
            name = f"ocid1.fnfunc.oc1..{uuid.uuid4().hex}"
            endpoint = "https://ours.eu-frankfurt-1.functions.oci.oraclecloud.com"
            return self.keep(name, {**content, "id": name, "lifecycleState": "ACTIVE", "invokeEndpoint": endpoint})
        if not names:
            return self.functions()
        if self.command == "PUT":
            return self.keep(names[0], {**self.function(names[0]), **content})
        if self.command == "DELETE":
            return self.delete(names[0])
        return self.function(names[0])

    def _invoke(self, name: str, content: Any) -> tuple[int, Any]:
        function = self.function(name)
        status, answer = self.invoke(
            name,
            functools.partial(_call_handler, content),
            seconds=function["timeoutInSeconds"],
            megabytes=function["memoryInMBs"],
            header="Fn-Call-Id",
            waits=self.headers.get("fn-invoke-type") != "detached",
        )
        return status, str(answer).encode()  # what Oracle's framework makes of an answer that is no text


def _call_handler(content: Any, identifier: str) -> Any:
    """Calls the function's entry point, as Oracle's framework for functions does."""
    from lithops.serverless.backends.oracle_f.entry_point import handler

    context = SimpleNamespace(CallID=lambda: identifier)
    return handler(context, io.BytesIO(json.dumps(content).encode()))


if __name__ == "__main__":
    serve(Oracle)
