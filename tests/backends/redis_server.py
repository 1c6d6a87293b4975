"""Redis, with a password."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from tests.backends.install import debian
from tests.backends.server import Server, free_ports

PASSWORD = "s3cret-of-redis"


class Redis(Server):
    """Keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.program = debian("redis-server", "redis-server")
        (self.port,) = free_ports(1)

    def command(self) -> list[str | Path]:
        here = ["--bind", "127.0.0.1", "--port", str(self.port), "--requirepass", PASSWORD]
        return [self.program, *here, "--save", "", "--appendonly", "no", "--dir", self.folder]

    def answers(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(f"AUTH {PASSWORD}\r\n".encode())
            return connection.recv(100).startswith(b"+OK")

    def config(self) -> dict[str, Any]:
        """Return the section of a configuration."""
        return {"host": "127.0.0.1", "port": self.port, "password": PASSWORD}

    @property
    def url(self) -> str:
        """What Celery names it by."""
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"
