"""The backends that the test set runs on: which servers each needs, and its connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.backends import seaweedfs
from tests.backends.ministack import Ministack
from tests.backends.rabbitmq import RabbitMQ, SingularityWorker
from tests.backends.redis_server import Redis
from tests.backends.seaweedfs import SeaweedFS
from tests.backends.server import Server

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
        if kind not in self._started:
            if kind is SingularityWorker:
                server: Server = SingularityWorker(self._folder / kind.__name__, self.get(RabbitMQ))
            else:
                server = kind(self._folder / kind.__name__)
            self._stack.callback(server.stop)
            self._started[kind] = self._pool.submit(server.__enter__)

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

    :param uses: the backends, as the section ``lithops`` of the connection names them
    :param needs: its servers
    :param sections: returns the other sections of the connection's extra
    :param wrong: settings over that with which the storage refuses
    :param refusal: part of what the error says then
    :param env: returns the environment that its clients and functions need
    """

    uses: Mapping[str, str]
    needs: tuple[type[Server], ...]
    sections: Callable[[Servers], Extra]
    wrong: Extra
    refusal: str
    env: Callable[[Servers], Mapping[str, str]] = field(default=lambda servers: {})


def _redis(servers: Servers) -> Extra:
    return {"redis": servers.get(Redis).config()}


def _minio(servers: Servers) -> Extra:
    return {"minio": servers.get(SeaweedFS).config()}


def _aws_s3(servers: Servers) -> Extra:
    keys = {"access_key_id": seaweedfs.ACCESS_KEY, "secret_access_key": seaweedfs.SECRET_KEY}
    return {"aws": {"region": seaweedfs.REGION, **keys}, "aws_s3": {"storage_bucket": "lithops-jobs-aws"}}


def _singularity(servers: Servers) -> Extra:
    # A name other than the default's, so that no image is built.
    settings = {"runtime": "a-runtime", "worker_processes": 2, "max_workers": 1}
    servers.begin(SingularityWorker)
    return {**_minio(servers), "rabbitmq": servers.get(RabbitMQ).config(), "singularity": settings}


_WRONG_SECRET = {"secret_access_key": "s3cret-that-is-wrong"}

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
    ),
    "singularity": Backend(
        # Not rabbitmq: with it Lithops's worker hangs now and then, in a fork that closes the broker's connection.
        uses={"backend": "singularity", "storage": "minio", "monitoring": "storage"},
        needs=(RabbitMQ, SeaweedFS),
        sections=_singularity,
        wrong={"minio": _WRONG_SECRET},
        refusal="403",
    ),
    "aws_sqs": Backend(
        uses={"backend": "localhost", "storage": "redis", "monitoring": "aws_sqs"},
        needs=(Ministack, Redis),
        sections=lambda servers: {**_redis(servers), "aws": servers.get(Ministack).config()},
        wrong={"redis": {"password": "s3cret-that-is-wrong"}},
        refusal="invalid username-password",
        env=lambda servers: {"AWS_ENDPOINT_URL": servers.get(Ministack).endpoint},
    ),
    "rabbitmq": Backend(
        uses={"backend": "localhost", "storage": "redis", "monitoring": "rabbitmq"},
        needs=(RabbitMQ, Redis),
        sections=lambda servers: {**_redis(servers), "rabbitmq": servers.get(RabbitMQ).config()},
        wrong={"redis": {"password": "s3cret-that-is-wrong"}},
        refusal="invalid username-password",
    ),
}
