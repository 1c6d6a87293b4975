"""OpenStack Swift, with users and tokens of its own instead of Keystone's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

from tests.backends.install import environment
from tests.backends.server import Server, free_ports

PROJECT, USER, PASSWORD, REGION = "tests", "lithops", "s3cret-of-swift", "RegionOne"


class Swift(Server):
    """One process with all of Swift's servers, see swift_program.py."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.python = environment("swift") / "python"
        self.ports = free_ports(4)
        self.endpoint = f"http://127.0.0.1:{self.ports[0]}"

    def command(self) -> list[str | Path]:
        program = Path(__file__).with_name("swift_program.py")
        return [self.python, "-I", program, self.folder, f"{PROJECT}:{USER}:{PASSWORD}:{REGION}", *map(str, self.ports)]

    def answers(self) -> bool:
        return requests.get(f"{self.endpoint}/healthcheck", timeout=5).status_code == 200

    def config(self) -> dict[str, Any]:
        """Return the section of a configuration."""
        return {
            **{"auth_url": self.endpoint, "project_id": PROJECT, "user_id": USER, "password": PASSWORD},
            **{"region": REGION, "storage_bucket": "lithops-jobs"},
        }
