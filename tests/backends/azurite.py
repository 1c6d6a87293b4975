"""Azurite, Microsoft's emulator of Azure's storage, of which blobs and queues are used. It checks keys."""

from __future__ import annotations

import base64
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.backends.certificate import Certificate
from tests.backends.install import npm
from tests.backends.server import Server, free_ports

ACCOUNT = "lithops"
ACCOUNT_KEY = base64.b64encode(b"s3cret-of-azurite".ljust(64)).decode()


class Azurite(Server):
    """Talks TLS, which Lithops doesn't do without."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.program = npm("azurite", "3.37.0")
        self.blobs, self.queues, self.tables = free_ports(3)
        self.certificate = Certificate(folder)

    def command(self) -> list[str | Path]:
        hosts = [f"--{part}Host" for part in ("blob", "queue", "table")]
        ports = {"--blobPort": self.blobs, "--queuePort": self.queues, "--tablePort": self.tables}
        return [
            self.program,
            *(word for host in hosts for word in (host, "127.0.0.1")),
            *(str(word) for pair in ports.items() for word in pair),
            *("--cert", self.certificate.path, "--key", self.certificate.key_path),
            # Clients are newer than what it knows of.
            *("--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--disableTelemetry"),
        ]

    def environment(self) -> Mapping[str, str]:
        return {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{ACCOUNT_KEY}", "HOME": str(self.folder)}

    def answers(self) -> bool:
        for port in (self.blobs, self.queues):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return True

    def clients_environment(self) -> Mapping[str, str]:
        """Return what makes its clients trust it."""
        return {"REQUESTS_CA_BUNDLE": str(self.certificate.path)}

    def config(self) -> dict[str, Any]:
        """Return the sections of a configuration."""
        return {
            "azure_storage": {**self._account(self.blobs), "storage_bucket": "lithops-jobs"},
            "azure_queue": self._account(self.queues),
        }

    def _account(self, port: int) -> dict[str, str]:
        # Lithops makes it a host of Azure's, which # cuts off.
        return {"storage_account_name": f"127.0.0.1:{port}/{ACCOUNT}#", "storage_account_key": ACCOUNT_KEY}
