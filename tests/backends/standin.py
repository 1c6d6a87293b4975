"""
Stand-ins of ours for services that there is neither a server nor an emulator of: each speaks the service's protocol on
loopback, and runs Lithops's own entry point of the backend.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.backends.certificate import Certificate
from tests.backends.server import Server, free_ports

#: Where its program is imported from.
_PROJECT = Path(__file__).resolve().parents[2]
#: An image that isn't Lithops's default, so that none is built.
RUNTIME = "docker.io/somebody/runtime:1"


class StandIn(Server):
    """A stand-in. Its program is `tests.backends.standins.<program>`."""

    program: ClassVar[str]
    #: Names of the service's hosts that clients know by heart; those that begin with a dot end a name.
    hosts: ClassVar[Sequence[str]] = ()
    #: MB of memory of a runtime that isn't the default.
    other_memory: ClassVar[int] = 512
    #: Whether whoever reaches it can invoke what is deployed there.
    anybody_calls: ClassVar[bool] = False
    #: Whether nothing in a configuration says who may deploy.
    anybody_deploys: ClassVar[bool] = False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (self.port,) = free_ports(1)
        self.endpoint = f"https://127.0.0.1:{self.port}"
        self.certificate = Certificate(folder, [f"*{host}" if host[0] == "." else host for host in self.hosts])

    def command(self) -> list[str | Path]:
        module = f"tests.backends.standins.{self.program}"
        return [sys.executable, "-m", module, str(self.port), self.folder / "kept", *self._tls()]

    def _tls(self) -> list[Path]:
        return [self.certificate.path, self.certificate.key_path]

    def environment(self) -> Mapping[str, str]:
        return {"PYTHONPATH": str(_PROJECT), "PYTHONSAFEPATH": "1", "HOME": str(self.folder)}

    def answers(self) -> bool:
        return requests.get(f"{self.endpoint}/up", verify=str(self.certificate.path), timeout=5).status_code == 200

    def clients_environment(self) -> Mapping[str, str]:
        """Return what its clients need in their environment."""
        found = {"REQUESTS_CA_BUNDLE": str(self.certificate.path)}
        if self.hosts:
            found.update(dict.fromkeys(("HTTPS_PROXY", "https_proxy"), f"http://127.0.0.1:{self.port}"))
        return found

    def config(self) -> dict[str, Any]:
        """Return the sections of a configuration."""
        raise NotImplementedError

    def other_credentials(self) -> dict[str, Any]:
        """Return settings over that, with credentials that it refuses."""
        raise NotImplementedError


def make_rsa_key(path: Path) -> Path:
    """
    Make a key, and return its file; the public key is in a file beside it, which ends in ``.public``.

    :param path: of the file
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path.with_suffix(".public").write_bytes(public)
    return path


class OpenWhisk(StandIn):
    """Apache OpenWhisk."""

    program = "openwhisk"
    key = "s3cret-user-of-openwhisk:s3cret-key-of-openwhisk"

    def environment(self) -> Mapping[str, str]:
        authorization = f"Basic {base64.b64encode(self.key.encode()).decode()}"
        return {**super().environment(), "STANDIN_AUTHORIZATION": authorization}

    def config(self) -> dict[str, Any]:
        settings = {"endpoint": self.endpoint, "namespace": "guest", "api_key": self.key}
        return {"openwhisk": {**settings, "runtime": RUNTIME, "max_workers": 4, "invoke_pool_threads": 8}}

    def other_credentials(self) -> dict[str, Any]:
        return {"openwhisk": {"api_key": f"{self.key}-wrong"}}


class Kubernetes(StandIn):
    """Kubernetes."""

    program = "kubernetes"
    token = "s3cret-token-of-kubernetes"
    other_memory = 1024
    #: The section of its configuration.
    section: ClassVar[str] = "k8s"

    def environment(self) -> Mapping[str, str]:
        return {**super().environment(), "STANDIN_AUTHORIZATION": f"Bearer {self.token}"}

    def config(self) -> dict[str, Any]:
        settings = {"kubecfg_path": str(self.kubeconfig(self.token)), "runtime": RUNTIME, "max_workers": 4}
        return {self.section: settings}

    def other_credentials(self) -> dict[str, Any]:
        return {self.section: {"kubecfg_path": str(self.kubeconfig("s3cret-token-of-somebody"))}}

    def kubeconfig(self, token: str) -> Path:
        """
        Write Kubernetes's configuration of a client, and return its path.

        :param token: the user's
        """
        authority = base64.b64encode(self.certificate.path.read_bytes()).decode()
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "here", "cluster": {"server": self.endpoint, "certificate-authority-data": authority}}
            ],
            "users": [{"name": "me", "user": {"token": token}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me", "namespace": "ours"}}],
            "current-context": "here",
        }
        path = self.folder / f"kubeconfig-{token}.yaml"
        path.write_text(json.dumps(content))
        return path


class Knative(Kubernetes):
    """Knative Serving on Kubernetes."""

    program = "knative"
    section = "knative"
    anybody_calls = True

    def config(self) -> dict[str, Any]:
        settings = super().config()[self.section]
        return {self.section: {**settings, "ingress_endpoint": f"http://127.0.0.1:{self.port}"}}


class Google(StandIn):
    """Google Cloud, with Cloud Run and functions."""

    program = "google"
    hosts = (".googleapis.com", ".a.run.app")
    token = "s3cret-signature-of-google"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._key_file = self.key_file("ours")

    def environment(self) -> Mapping[str, str]:
        key = str(self._key_file.with_suffix(".public"))
        return {**super().environment(), "STANDIN_TOKEN": self.token, "STANDIN_PUBLIC_KEY": key}

    def clients_environment(self) -> Mapping[str, str]:
        return {**super().clients_environment(), "HTTPLIB2_CA_CERTS": str(self.certificate.path)}

    def key_file(self, name: str) -> Path:
        """
        Make the key of a service account, and return the file that its user has. Only the first one is known here.

        :param name: of the file
        """
        path = self.folder / f"{name}.json"
        key = make_rsa_key(path.with_suffix(".pem"))
        email = "me@a-project.iam.gserviceaccount.com"
        content = {"type": "service_account", "project_id": "a-project", "client_email": email, "private_key_id": "1"}
        content |= {"private_key": key.read_text(), "token_uri": f"{self.endpoint}/token", "client_id": "1"}
        path.write_text(json.dumps(content))
        return path

    def config(self) -> dict[str, Any]:
        gcp = {"credentials_path": str(self._key_file), "region": "europe-west1"}
        functions = {"trigger": "https", "max_workers": 4, "invoke_pool_threads": 4, "retry_sleep": 0.1}
        return {"gcp": gcp, "gcp_cloudrun": {"runtime": RUNTIME, "max_workers": 4}, "gcp_functions": functions}

    def other_credentials(self) -> dict[str, Any]:
        return {"gcp": {"credentials_path": str(self.key_file("other"))}}


class Ibm(StandIn):
    """IBM Cloud, with Cloud Functions and Code Engine."""

    program = "ibm"
    hosts = ("iam.cloud.ibm.com", "api.eu-de.codeengine.cloud.ibm.com")
    key = "s3cret-key-of-ibm"
    token = "s3cretSignatureOfIbm"

    def environment(self) -> Mapping[str, str]:
        return {**super().environment(), "STANDIN_KEY": self.key, "STANDIN_TOKEN": self.token}

    def config(self) -> dict[str, Any]:
        settings = {"runtime": RUNTIME, "max_workers": 4}
        return {
            "ibm": {"iam_api_key": self.key, "resource_group_id": "a-group", "region": "eu-de"},
            "ibm_cf": {**settings, "endpoint": self.endpoint, "invoke_pool_threads": 8},
            "code_engine": {**settings, "region": "eu-de"},
        }

    def other_credentials(self) -> dict[str, Any]:
        return {"ibm": {"iam_api_key": "s3cret-key-of-somebody"}}
