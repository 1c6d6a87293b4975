"""Moto, an emulator of AWS."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import requests

from tests.backends.server import Server, free_ports

REGION = "us-east-1"
ACCOUNT, USER = "123456789012", "AIDATEST"
_KEYS = {"access_key_id": "AKIAMOTO", "secret_access_key": "s3cret-of-moto"}


class Moto(Server):
    """Takes any credentials."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (self.port,) = free_ports(1)
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str | Path]:
        return [Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", str(self.port)]

    def answers(self) -> bool:
        return requests.get(f"{self.endpoint}/moto-api/", timeout=5).status_code == 200

    def config(self) -> dict[str, Any]:
        """Return the sections of a configuration."""
        return {"aws": {"region": REGION, "account_id": ACCOUNT, "user_id": USER, **_KEYS}}

    def client(self, service: str) -> Any:
        """
        Return a client of boto3.

        :param service: e.g. ``ec2``
        """
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            aws_access_key_id=_KEYS["access_key_id"],
            aws_secret_access_key=_KEYS["secret_access_key"],
            region_name=REGION,
        )
