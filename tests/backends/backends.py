"""The backends that the test set runs on: which servers each needs, and its connection."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.backends import aws_batch, aws_ec2, aws_lambda, seaweedfs
from tests.backends.aliyun import Aliyun
from tests.backends.aws_batch import Batch
from tests.backends.aws_ec2 import Ec2
from tests.backends.azure import Azure, AzureWeb
from tests.backends.azurite import Azurite
from tests.backends.gcp_storage_emulator import GcpStorageEmulator
from tests.backends.image import NOT_NEEDED
from tests.backends.machine import Machine
from tests.backends.ministack import Ministack
from tests.backends.oracle import Oracle
from tests.backends.podman import IMAGE, Podman
from tests.backends.rabbitmq import RabbitMQ, SingularityWorker
from tests.backends.redis_server import Redis
from tests.backends.seaweedfs import SeaweedFS
from tests.backends.server import Server
from tests.backends.standin import Google, Ibm, Knative, Kubernetes, OpenWhisk, StandIn
from tests.backends.swift_server import Swift

S = TypeVar("S", bound=Server)
Extra = dict[str, dict[str, Any]]


class Servers:
    """
    The servers of a session: each is started once, several at a time.

    :param folder: where they keep what they keep
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._pool = self._stack.enter_context(ThreadPoolExecutor(8))
        self._started: dict[type[Server], Future[Server]] = {}

    def begin(self, kind: type[Server]) -> None:
        """Start a server, without waiting for it; one that needs another waits for that."""
        if kind in self._started:
            return
        try:
            server = self._make(kind)
        except (pytest.skip.Exception, pytest.fail.Exception) as missing:  # for those alone who need it
            self._started[kind] = Future()
            self._started[kind].set_exception(missing)
        else:
            self._stack.callback(server.stop)
            self._started[kind] = self._pool.submit(server.__enter__)

    def _make(self, kind: type[Server]) -> Server:
        folder = self._folder / kind.__name__
        if kind is SingularityWorker:
            return SingularityWorker(folder, self.get(RabbitMQ))
        if kind is Batch:
            return Batch(folder, self.get(Podman))
        if kind is Machine:
            return Machine(folder, self.get(SeaweedFS))
        if issubclass(kind, Azure):
            return kind(folder, self.get(Azurite))
        return kind(folder)

    def get(self, kind: type[S]) -> S:
        """Return a server that is up."""
        self.begin(kind)
        server = self._started[kind].result()
        assert isinstance(server, kind)
        return server

    def stop(self) -> None:
        """End all."""
        self._stack.close()


@dataclass(frozen=True)
class Backend:
    """
    A combination of Lithops's backends.

    :param uses: the section ``lithops`` of the connection, which names the backends
    :param needs: its servers
    :param sections: returns the other sections of the connection's extra
    :param wrong: settings over that with which the storage refuses; None if its server takes any
    :param refusal: part of what the error says then
    :param env: returns the environment that its clients and functions need
    :param more: whether only `make test-all` runs the test set on it
    :param prepare: changes this process's client for the server, until the patch is undone
    """

    uses: Mapping[str, Any]
    needs: tuple[type[Server], ...]
    sections: Callable[[Servers], Extra]
    wrong: Extra | None
    refusal: str = ""
    env: Callable[[Servers], Mapping[str, str]] = field(default=lambda servers: {})
    more: bool = False
    prepare: Callable[[Servers, pytest.MonkeyPatch], None] = field(default=lambda servers, patch: None)


def _redis(servers: Servers) -> Extra:
    return {"redis": servers.get(Redis).config()}


def _minio(servers: Servers) -> Extra:
    return {"minio": servers.get(SeaweedFS).config()}


def _aws_s3(servers: Servers) -> Extra:
    keys = {"access_key_id": seaweedfs.ACCESS_KEY, "secret_access_key": seaweedfs.SECRET_KEY}
    return {"aws": {"region": seaweedfs.REGION, **keys}, "aws_s3": {"storage_bucket": "lithops-jobs-aws"}}


def _ibm_cos(servers: Servers) -> Extra:
    server = servers.get(SeaweedFS)
    section = {**server.config(), "endpoint": server.secure_endpoint, "region": seaweedfs.REGION}
    return {"ibm_cos": {**section, "storage_bucket": "lithops-jobs-ibm"}}


def _singularity(servers: Servers) -> Extra:
    # A name other than the default's, so that no image is built.
    settings = {"runtime": "a-runtime", "worker_processes": 2, "max_workers": 1}
    servers.begin(SingularityWorker)
    return {**_minio(servers), "rabbitmq": servers.get(RabbitMQ).config(), "singularity": settings}


_WRONG_SECRET = {"secret_access_key": "s3cret-that-is-wrong"}


def _stand_in(backend: str, kind: type[StandIn], *, more: bool = False) -> Backend:
    return Backend(
        uses={"backend": backend, "storage": "minio", "monitoring": "storage"},
        needs=(kind, SeaweedFS),
        sections=lambda servers: {**_minio(servers), **servers.get(kind).config()},
        wrong={"minio": _WRONG_SECRET},
        refusal="403",
        env=lambda servers: servers.get(kind).clients_environment(),
        more=more,
    )


BACKENDS = {
    "redis": Backend(
        uses={"backend": "localhost", "storage": "redis", "monitoring": "redis"},
        needs=(Redis,),
        sections=_redis,
        wrong={"redis": {"password": "s3cret-that-is-wrong"}},
        refusal="invalid username-password",
    ),
    "minio": Backend(
        uses={"backend": "localhost", "storage": "minio", "monitoring": "storage"},
        needs=(SeaweedFS,),
        sections=_minio,
        wrong={"minio": _WRONG_SECRET},
        refusal="403",
    ),
    "aws_s3": Backend(
        uses={"backend": "localhost", "storage": "aws_s3", "monitoring": "storage"},
        needs=(SeaweedFS,),
        sections=_aws_s3,
        wrong={"aws": _WRONG_SECRET},
        refusal="403",
        env=lambda servers: {"AWS_ENDPOINT_URL": servers.get(SeaweedFS).endpoint},
        more=True,  # the same server as minio's, by another client
    ),
    "ceph": Backend(
        uses={"backend": "localhost", "storage": "ceph", "monitoring": "storage"},
        needs=(SeaweedFS,),
        sections=lambda servers: {"ceph": {**servers.get(SeaweedFS).config(), "storage_bucket": "lithops-jobs-ceph"}},
        wrong={"ceph": _WRONG_SECRET},
        refusal="403",
        more=True,
    ),
    "ibm_cos": Backend(
        uses={"backend": "localhost", "storage": "ibm_cos", "monitoring": "storage"},
        needs=(SeaweedFS,),
        sections=_ibm_cos,
        wrong={"ibm_cos": _WRONG_SECRET},
        refusal="403",
        env=lambda servers: {
            "REQUESTS_CA_BUNDLE": str(servers.get(SeaweedFS).certificate.path),
            # With others it signs a header that SeaweedFS doesn't get to see.
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        },
        more=True,
    ),
    "azure_storage": Backend(
        uses={"backend": "localhost", "storage": "azure_storage", "monitoring": "azure_queue"},
        needs=(Azurite,),
        sections=lambda servers: servers.get(Azurite).config(),
        wrong={"azure_storage": {"storage_account_key": base64.b64encode(b"s3cret-that-is-wrong").decode()}},
        refusal="AuthorizationFailure",
        env=lambda servers: servers.get(Azurite).clients_environment(),
        more=True,
    ),
    "gcp_storage": Backend(
        uses={"backend": "localhost", "storage": "gcp_storage", "monitoring": "storage"},
        needs=(GcpStorageEmulator,),
        sections=lambda servers: servers.get(GcpStorageEmulator).config(),
        wrong=None,
        env=lambda servers: servers.get(GcpStorageEmulator).clients_environment(),
        more=True,
    ),
    "swift": Backend(
        uses={"backend": "localhost", "storage": "swift", "monitoring": "storage"},
        needs=(Swift,),
        sections=lambda servers: {"swift": servers.get(Swift).config()},
        wrong={"swift": {"password": "s3cret-that-is-wrong"}},
        refusal="401",
        more=True,
    ),
    "singularity": Backend(
        # Not rabbitmq: with it Lithops's worker hangs now and then, in a fork that closes the broker's connection.
        uses={"backend": "singularity", "storage": "minio", "monitoring": "storage"},
        needs=(RabbitMQ, SeaweedFS),
        sections=_singularity,
        wrong={"minio": _WRONG_SECRET},
        refusal="403",
    ),
    "podman": Backend(
        uses={"backend": "localhost", "storage": "minio", "monitoring": "storage", "exclude_modules": NOT_NEEDED},
        needs=(Podman, SeaweedFS),
        sections=lambda servers: {**_minio(servers), "localhost": {"runtime": IMAGE, "worker_processes": 2}},
        wrong={"minio": _WRONG_SECRET},
        refusal="403",
        env=lambda servers: servers.get(Podman).environment(),
        more=True,  # test_podman.py has what is different there
    ),
    "aws_batch": Backend(
        uses={"backend": "aws_batch", "storage": "minio", "monitoring": "storage", "exclude_modules": NOT_NEEDED},
        needs=(Podman, SeaweedFS),
        sections=lambda servers: {**_minio(servers), **servers.get(Batch).config()},
        wrong={"minio": _WRONG_SECRET},
        refusal="403",
        env=lambda servers: {"AWS_ENDPOINT_URL": servers.get(Batch).endpoint},
        more=True,
        prepare=lambda servers, patch: aws_batch.prepare_client(servers.get(Batch), patch),
    ),
    "aws_lambda": Backend(
        uses={"backend": "aws_lambda", "storage": "minio", "monitoring": "storage"},
        needs=(Ministack, SeaweedFS),
        sections=lambda servers: {**_minio(servers), **aws_lambda.config(servers.get(Ministack))},
        wrong={"minio": _WRONG_SECRET},
        refusal="403",
        env=lambda servers: {"AWS_ENDPOINT_URL": servers.get(Ministack).endpoint},
        prepare=lambda servers, patch: aws_lambda.prepare_client(servers.get(Ministack), patch),
    ),
    "aws_ec2": Backend(
        uses={"backend": "aws_ec2", "storage": "minio", "monitoring": "storage"},
        needs=(Machine, Ec2, SeaweedFS),
        sections=lambda servers: {**_minio(servers), **aws_ec2.config(servers.get(Ec2), servers.get(Machine))},
        wrong={"minio": _WRONG_SECRET},
        refusal="403",
        env=lambda servers: {"AWS_ENDPOINT_URL": servers.get(Ec2).endpoint},
        more=True,
        prepare=lambda servers, patch: servers.get(Machine).prepare_client(patch),
    ),
    "vm": Backend(
        uses={"backend": "vm", "storage": "minio", "monitoring": "storage"},
        needs=(Machine, SeaweedFS),
        sections=lambda servers: {**_minio(servers), "vm": servers.get(Machine).config()},
        wrong={"minio": _WRONG_SECRET},
        refusal="403",
        more=True,
        prepare=lambda servers, patch: servers.get(Machine).prepare_client(patch),
    ),
    "openwhisk": _stand_in("openwhisk", OpenWhisk),
    "knative": _stand_in("knative", Knative, more=True),
    "gcp_cloudrun": _stand_in("gcp_cloudrun", Google, more=True),
    "k8s": _stand_in("k8s", Kubernetes, more=True),
    "ibm_cf": _stand_in("ibm_cf", Ibm, more=True),
    "code_engine": _stand_in("code_engine", Ibm, more=True),
    "gcp_functions": _stand_in("gcp_functions", Google, more=True),
    "oracle_f": _stand_in("oracle_f", Oracle, more=True),
    "aliyun_fc": _stand_in("aliyun_fc", Aliyun, more=True),
    "azure_functions": _stand_in("azure_functions", Azure, more=True),
    "azure_functions_https": replace(
        _stand_in("azure_functions", AzureWeb, more=True),
        prepare=lambda servers, patch: servers.get(AzureWeb).prepare_client(patch),
    ),
    "azure_containers": _stand_in("azure_containers", Azure, more=True),
    "aws_sqs": Backend(
        uses={"backend": "localhost", "storage": "redis", "monitoring": "aws_sqs"},
        needs=(Ministack, Redis),
        sections=lambda servers: {**_redis(servers), "aws": servers.get(Ministack).config()},
        wrong={"redis": {"password": "s3cret-that-is-wrong"}},
        refusal="invalid username-password",
        env=lambda servers: {"AWS_ENDPOINT_URL": servers.get(Ministack).endpoint},
        more=True,  # test_messages.py has what is different there
    ),
    "rabbitmq": Backend(
        uses={"backend": "localhost", "storage": "redis", "monitoring": "rabbitmq"},
        needs=(RabbitMQ, Redis),
        sections=lambda servers: {**_redis(servers), "rabbitmq": servers.get(RabbitMQ).config()},
        wrong={"redis": {"password": "s3cret-that-is-wrong"}},
        refusal="invalid username-password",
    ),
}
