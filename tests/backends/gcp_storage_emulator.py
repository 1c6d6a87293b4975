"""An emulator of Google's Cloud Storage. It takes any credentials, and none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from tests.backends.install import environment
from tests.backends.server import Server, free_ports


class GcpStorageEmulator(Server):
    """Keeps all in memory."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.program = environment("gcp-storage-emulator") / "gcp-storage-emulator"
        (self.port,) = free_ports(1)
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str | Path]:
        return [self.program, "start", "--host", "127.0.0.1", "--port", str(self.port), "--in-memory"]

    def answers(self) -> bool:
        return requests.get(self.endpoint, timeout=5).status_code < 500

    def clients_environment(self) -> Mapping[str, str]:
        """Return what leads Google's client to it."""
        return {"STORAGE_EMULATOR_HOST": self.endpoint, "GOOGLE_CLOUD_PROJECT": "tests"}

    def config(self) -> dict[str, Any]:
        """Return the sections of a configuration."""
        return {"gcp": {"region": "us-east1"}, "gcp_storage": {"storage_bucket": "lithops-jobs"}}
