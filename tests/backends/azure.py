"""A stand-in for Azure, whose queues are Azurite's."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.backends.azurite import ACCOUNT, ACCOUNT_KEY, Azurite
from tests.backends.standin import StandIn

#: Azure's program, by which Lithops deploys.
_AZ = """#!{python} -SI
import json, sys, urllib.error, urllib.request
open_url = urllib.request.build_opener(urllib.request.ProxyHandler({{}})).open
try:
    print(open_url("http://127.0.0.1:{port}/az", json.dumps(sys.argv[1:]).encode()).read().decode())
except urllib.error.HTTPError as error:
    sys.exit(error.read().decode())
"""


class Azure(StandIn):
    """
    Azure, with its function apps and container apps.

    :param folder: where it keeps its files
    :param queues: of its storage account
    """

    program = "azure"
    other_memory = 1024

    def __init__(self, folder: Path, queues: Azurite) -> None:
        super().__init__(folder)
        self.queues = queues
        az = folder / "bin" / "az"
        az.parent.mkdir()
        az.write_text(_AZ.format(python=sys.executable, port=self.port))
        az.chmod(0o700)

    def environment(self) -> Mapping[str, str]:
        endpoint = f"https://127.0.0.1:{self.queues.queues}/{ACCOUNT}"
        parts = {"AccountName": ACCOUNT, "AccountKey": ACCOUNT_KEY, "QueueEndpoint": endpoint}
        connection = ";".join(f"{name}={value}" for name, value in parts.items())
        return {**super().environment(), **self.queues.clients_environment(), "STANDIN_QUEUES": connection}

    def clients_environment(self) -> Mapping[str, str]:
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        return {**self.queues.clients_environment(), "PATH": path}

    def config(self) -> dict[str, Any]:
        settings = {"runtime": "a-runtime", "max_workers": 4, "invoke_pool_threads": 4}
        return {
            "azure": {"resource_group": "a-group", "region": "northeurope"},
            "azure_storage": self.queues.config()["azure_queue"],
            "azure_functions": settings,
            "azure_containers": {**settings, "docker_user": "somebody"},
        }

    def other_credentials(self) -> dict[str, Any]:
        return {"azure_storage": {"storage_account_key": "czNjcmV0LW9mLXNvbWVib2R5"}}


class AzureWeb(Azure):
    """Azure, with function apps that requests trigger. Anybody may send those, and `az` has credentials of its own."""

    anybody_calls = True
    anybody_deploys = True

    def environment(self) -> Mapping[str, str]:
        return {**super().environment(), "STANDIN_TRIGGER": "https"}

    def config(self) -> dict[str, Any]:
        found = super().config()
        return {**found, "azure_functions": {**found["azure_functions"], "trigger": "https"}}

    def prepare_client(self, patch: pytest.MonkeyPatch) -> None:
        """
        Makes this process find the function apps here, whose addresses Lithops knows by heart.

        :param patch: undoes it
        """
        connect = socket.create_connection

        def connect_here(address: tuple[str, int], *options: Any, **more: Any) -> socket.socket:
            is_app = address[0].endswith(".azurewebsites.net")
            return connect(("127.0.0.1", self.port) if is_app else address, *options, **more)

        patch.setattr(socket, "create_connection", connect_here)
