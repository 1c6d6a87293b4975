"""A machine in a cloud, for Lithops's standalone backends: see standins/machine.py."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.backends.aws_lambda import SITECUSTOMIZE
from tests.backends.install import debian
from tests.backends.seaweedfs import SeaweedFS
from tests.backends.server import Server, free_ports

_PROJECT = Path(__file__).resolve().parents[2]
#: Within its own network, where all that begin with 127 are its own.
ADDRESS = "127.0.0.10"


class Machine(Server):
    """
    A machine with sshd, Redis, and a Python that has Lithops, but neither this project nor Airflow.

    :param folder: where it keeps its keys and its log
    :param storage: what its functions can reach
    """

    def __init__(self, folder: Path, storage: SeaweedFS) -> None:
        super().__init__(folder)
        if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"]).returncode:
            pytest.skip("a machine has namespaces of its own, which this user may not make here")
        for program, package in (("sshd", "openssh-server"), ("ssh-keygen", "openssh-client")):
            debian(program, package, optional=True)
        for program in ("redis-server", "curl", "unzip"):
            debian(program, program, optional=True)
        (self.port,) = free_ports(1)
        self._storage_port = storage.port_of["s3"][0]
        self.key_file = make_key(folder / "user_key")
        make_key(folder / "host_key")
        (folder / "refused").mkdir()
        (folder / "refused" / "sitecustomize.py").write_text(SITECUSTOMIZE)

    def command(self) -> list[str | Path]:
        ports = (str(self.port), str(self._storage_port))
        return [sys.executable, "-m", "tests.backends.standins.machine", self.folder, *ports]

    def environment(self) -> Mapping[str, str]:
        return {"PYTHONPATH": str(_PROJECT), "PYTHONSAFEPATH": "1"}

    def answers(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            return connection.recv(100).startswith(b"SSH-")

    def config(self) -> dict[str, Any]:
        """Return the section of a configuration for Lithops's backend ``vm``."""
        login = {"ssh_username": "ubuntu", "ssh_key_filename": str(self.key_file)}
        return {"ip_address": ADDRESS, **login, "worker_processes": 2}

    def prepare_client(self, patch: pytest.MonkeyPatch) -> None:
        """
        Makes clients of SSH in this process find the machine, whatever its address, and Lithops look more often whether
        it is ready.

        :param patch: undoes it
        """
        import paramiko
        from lithops.standalone import standalone

        patch.setattr(
            standalone, "time", SimpleNamespace(time=time.time, sleep=lambda seconds: time.sleep(seconds / 10))
        )
        connect = paramiko.SSHClient.connect

        def connect_here(client: Any, hostname: str, **options: Any) -> None:
            connect(client, "127.0.0.1", port=self.port, **options)

        patch.setattr(paramiko.SSHClient, "connect", connect_here)


def make_key(path: Path) -> Path:
    """
    Make a key of SSH, and return its file; the public key is in a file beside it, which ends in ``.pub``.

    :param path: of the file
    """
    key = ed25519.Ed25519PrivateKey.generate()
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    path.with_name(f"{path.name}.pub").write_bytes(public + b"\n")
    return path
