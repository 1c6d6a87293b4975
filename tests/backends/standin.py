"""
Stand-ins of ours for services that there is neither a server nor an emulator of: each speaks the service's protocol on
loopback, and runs Lithops's own entry point of the backend.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import requests

from tests.backends.certificate import Certificate
from tests.backends.server import Server, free_ports

#: Where its program is imported from.
_PROJECT = Path(__file__).resolve().parents[2]


class StandIn(Server):
    """A stand-in. Its program is `tests.backends.standins.<program>`."""

    program: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (self.port,) = free_ports(1)
        self.endpoint = f"https://127.0.0.1:{self.port}"
        self.certificate = Certificate(folder)

    def command(self) -> list[str | Path]:
        module = f"tests.backends.standins.{self.program}"
        return [sys.executable, "-m", module, str(self.port), self.folder / "kept", *self._tls()]

    def _tls(self) -> list[Path]:
        return [self.certificate.path, self.certificate.key_path]

    def environment(self) -> Mapping[str, str]:
        return {"PYTHONPATH": str(_PROJECT), "PYTHONSAFEPATH": "1", "HOME": str(self.folder)}

    def answers(self) -> bool:
        return requests.get(f"{self.endpoint}/up", verify=str(self.certificate.path), timeout=5).status_code == 200

    def clients_environment(self) -> Mapping[str, str]:
        """Return what its clients need in their environment."""
        return {"REQUESTS_CA_BUNDLE": str(self.certificate.path)}


class OpenWhisk(StandIn):
    """Apache OpenWhisk."""

    program = "openwhisk"
    key = "s3cret-user-of-openwhisk:s3cret-key-of-openwhisk"

    def environment(self) -> Mapping[str, str]:
        authorization = f"Basic {base64.b64encode(self.key.encode()).decode()}"
        return {**super().environment(), "STANDIN_AUTHORIZATION": authorization}

    def config(self) -> dict[str, Any]:
        """Return the section of a configuration."""
        settings = {"endpoint": self.endpoint, "namespace": "guest", "api_key": self.key}
        return {**settings, "runtime": "docker.io/somebody/runtime:1", "max_workers": 4, "invoke_pool_threads": 8}
