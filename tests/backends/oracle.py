"""A stand-in for Oracle Cloud."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.backends.standin import RUNTIME, StandIn, make_rsa_key

REGION = "eu-frankfurt-1"


class Oracle(StandIn):
    """Oracle Cloud, with its functions."""

    program = "oracle"
    hosts = (
        f"functions.{REGION}.oci.oraclecloud.com",
        f".{REGION}.functions.oci.oraclecloud.com",
        f"objectstorage.{REGION}.oraclecloud.com",
    )

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._key_file = make_rsa_key(folder / "ours.pem")

    def environment(self) -> Mapping[str, str]:
        return {**super().environment(), "STANDIN_PUBLIC_KEY": str(self._key_file.with_suffix(".public"))}

    def config(self) -> dict[str, Any]:
        account = {"tenancy": "ocid1.tenancy.oc1..ours", "compartment_id": "ocid1.compartment.oc1..ours"}
        user = {"user": "ocid1.user.oc1..somebody", "fingerprint": ":".join(["0f"] * 16)}
        settings = {"subnet_id": "ocid1.subnet.oc1..ours", "runtime": RUNTIME, "max_workers": 4}
        return {
            "oracle": {**account, **user, "region": REGION, "key_file": str(self._key_file)},
            "oracle_f": {**settings, "invoke_pool_threads": 4},
        }

    def other_credentials(self) -> dict[str, Any]:
        return {"oracle": {"key_file": str(make_rsa_key(self.folder / "other.pem"))}}
