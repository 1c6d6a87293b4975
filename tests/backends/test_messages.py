"""The message queues that functions report to with ``monitoring``: there while a job runs, gone when it is cleaned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pika
import pika.exceptions
import pytest

from lithops_provider.jobs.binding.function import bind_items
from tests.backends.azurite import Azurite
from tests.backends.backends import Servers
from tests.backends.conftest import Connected, backend_params, connect
from tests.backends.functions import add
from tests.backends.ministack import Ministack
from tests.backends.rabbitmq import RabbitMQ
from tests.backends.redis_server import Redis
from tests.backends.test_backends import done

Look = Callable[[Servers, str], bool]


def in_redis(servers: Servers, executor_id: str) -> bool:
    import redis

    with redis.Redis(**servers.get(Redis).config()) as client:
        keys: Any = client.keys(f"*{executor_id}*")
        return any(client.type(key) == b"list" for key in keys)


def in_rabbitmq(servers: Servers, executor_id: str) -> bool:
    with pika.BlockingConnection(pika.URLParameters(servers.get(RabbitMQ).url)) as connection:
        try:
            connection.channel().queue_declare(f"lithops-{executor_id}", passive=True)
        except pika.exceptions.ChannelClosedByBroker:
            return False
        return True


def in_sqs(servers: Servers, executor_id: str) -> bool:
    queues = servers.get(Ministack).client("sqs").list_queues().get("QueueUrls", [])
    return any(executor_id in queue for queue in queues)


def in_azure(servers: Servers, executor_id: str) -> bool:
    from lithops.monitoring.backends.azure_queue.azure_queue import queue_service

    queues = queue_service(servers.get(Azurite).config()["azure_queue"]).list_queues()
    return any(executor_id in queue.name for queue in queues)


LOOKS: dict[str, Look] = {
    **{"redis": in_redis, "rabbitmq": in_rabbitmq, "aws_sqs": in_sqs},
    "azure_storage": in_azure,
}


@pytest.fixture(params=backend_params(LOOKS))
def connected(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Connected]:
    with pytest.MonkeyPatch.context() as patch:
        yield connect(request.param, servers, patch)


def test_a_queue_goes_with_its_job(servers: Servers, connected: Connected) -> None:
    look = LOOKS[connected.name]
    run = done(connected.client(), "map", bind_items(add, [1, 2]))
    assert look(servers, run.job.executor_id)
    run.clean()
    run.clean()  # what is gone is no error

    assert not look(servers, run.job.executor_id)
