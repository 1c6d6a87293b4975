"""Ministack, an emulator of AWS, of which SQS, Lambda and, for what Lambda takes from there, S3 are used."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from tests.backends.server import Server, free_ports

REGION = "us-east-1"
#: Long enough that nothing else has them in it by chance: tests look for them in what must not show them.
ACCESS_KEY, SECRET_KEY = "s3cret-key-of-ministack", "s3cret-of-ministack"


class Ministack(Server):
    """Takes any credentials."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (self.port,) = free_ports(1)
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str | Path]:
        return [Path(sys.executable).with_name("ministack")]

    def environment(self) -> Mapping[str, str]:
        return {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "SERVICES": "sqs,lambda,sts,ecr,s3",
            "HOME": str(self.folder),
            # What it runs functions with looks for AWS here, too.
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def answers(self) -> bool:
        return requests.get(self.endpoint, timeout=5).status_code < 500

    def config(self) -> dict[str, Any]:
        """Return the section of a configuration."""
        return {"region": REGION, "access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}

    def client(self, service: str) -> Any:
        """
        Return a client of boto3.

        :param service: e.g. ``sqs``
        """
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name=REGION,
        )
