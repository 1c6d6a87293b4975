"""SeaweedFS, an S3 server that checks keys."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import requests

from tests.backends.certificate import Certificate
from tests.backends.server import Server, free_ports

ACCESS_KEY = "AKIATEST"
SECRET_KEY = "s3cret-of-seaweedfs"
REGION = "us-east-1"
_IDENTITY = {
    "name": "tests",
    "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
}
#: Its parts, each of which listens on two ports.
_PARTS = ("master", "volume", "filer", "s3")


class SeaweedFS(Server):
    """One process with all that an S3 server needs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        *ports_of_parts, secure_port = free_ports(2 * len(_PARTS) + 1)
        ports = iter(ports_of_parts)
        self.port_of = {part: (next(ports), next(ports)) for part in _PARTS}
        self.endpoint = f"http://127.0.0.1:{self.port_of['s3'][0]}"
        self.secure_port = secure_port
        self.secure_endpoint = f"https://127.0.0.1:{secure_port}"
        self.certificate = Certificate(folder)
        (folder / "s3.json").write_text(json.dumps({"identities": [_IDENTITY]}))

    def command(self) -> list[str | Path]:
        ports = [
            f"-{part}.port{suffix}={port}"
            for part, pair in self.port_of.items()
            for suffix, port in zip(("", ".grpc"), pair, strict=True)
        ]
        return [
            Path(sys.executable).with_name("weed"),
            *("server", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={self.folder}", *ports),
            *(f"-s3.port.https={self.secure_port}", f"-s3.cert.file={self.certificate.path}"),
            f"-s3.key.file={self.certificate.key_path}",
            *("-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={self.folder / 's3.json'}"),
            # Sockets would go to /tmp, telemetry to the world; a bucket takes 7 volumes.
            *(f"-s3.localSocket={self.folder / 's3.sock'}", f"-filer.localSocket={self.folder / 'filer.sock'}"),
            *("-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=500"),
            *("-volume.preStopSeconds=0", "-master.electionTimeout=1s"),
        ]

    def answers(self) -> bool:
        # Until the filer has found a volume server, writing fails.
        return self._volumes() and requests.get(self.endpoint, timeout=5).status_code == 403

    def _volumes(self) -> bool:
        state = requests.get(f"http://127.0.0.1:{self.port_of['master'][0]}/dir/status", timeout=5).json()
        return bool(state["Topology"]["Free"])

    def stop(self) -> None:
        super().stop()
        for part, (_, port) in self.port_of.items():  # it can't be told to put them elsewhere
            Path(f"/tmp/seaweedfs-{part}-grpc-{port}.sock").unlink(missing_ok=True)

    def config(self) -> dict[str, Any]:
        """Return the section of a configuration for Lithops's backends ``minio`` and ``ceph``."""
        return {
            **{"endpoint": self.endpoint, "access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY},
            "storage_bucket": "lithops-jobs",
        }

    def client(self) -> Any:
        """Return a client of boto3."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name=REGION,
        )
