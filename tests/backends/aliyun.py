"""A stand-in for Alibaba Cloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.backends.standin import StandIn


class Aliyun(StandIn):
    """Alibaba Cloud, with its Function Compute. Its functions are containers: it has no Python 3.11 of its own."""

    program = "aliyun"
    key, secret = "s3cret-key-of-aliyun", "s3cret-secret-of-aliyun"

    def environment(self) -> Mapping[str, str]:
        return {**super().environment(), "STANDIN_KEY": f"{self.key}:{self.secret}"}

    def clients_environment(self) -> Mapping[str, str]:
        # Its client goes by a proxy even to 127.0.0.1, and then takes no certificate authority from outside.
        return {"SSL_CERT_FILE": str(self.certificate.path), **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "")}

    def config(self) -> dict[str, Any]:
        # Lithops makes the account the beginning of a host's name, the rest of which becomes the path's beginning.
        account = {"account_id": f"127.0.0.1:{self.port}/account", "region": "eu-central-1"}
        settings = {"deploy_mode": "custom-container", "docker_user": "somebody", "runtime": "a-runtime"}
        return {
            "aliyun": {**account, "access_key_id": self.key, "access_key_secret": self.secret},
            "aliyun_fc": {**settings, "role_arn": "acs:ram::1:role/ours", "max_workers": 4, "invoke_pool_threads": 4},
        }

    def other_credentials(self) -> dict[str, Any]:
        return {"aliyun": {"access_key_secret": "s3cret-secret-of-somebody"}}
