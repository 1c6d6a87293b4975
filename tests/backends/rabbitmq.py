"""RabbitMQ, and the worker of Lithops's backend ``singularity`` that it feeds: a machine elsewhere, so to speak."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pika
import pika.exceptions

from tests.backends.install import debian
from tests.backends.server import Server, free_ports

USER, PASSWORD = "lithops", "s3cret-of-rabbitmq"


class RabbitMQ(Server):
    """A broker of its own, with an Erlang port mapper of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.program = debian("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")
        self.port, self.distribution, self.mapper = free_ports(3)
        settings = {"default_user": USER, "default_pass": PASSWORD, "listeners.tcp.1": f"127.0.0.1:{self.port}"}
        (folder / "rabbitmq.conf").write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
        (folder / "plugins").write_text("[].\n")

    @property
    def url(self) -> str:
        """What a configuration names it by."""
        return f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}"

    def command(self) -> list[str | Path]:
        return [self.program]

    def environment(self) -> Mapping[str, str]:
        return {
            "HOME": str(self.folder),  # for Erlang's cookie
            "RABBITMQ_NODENAME": f"tests{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.distribution),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_LOGS": "-",  # its output, which is the log that tests look into
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.mapper),
            "ERL_EPMD_RELAXED_COMMAND_CHECK": "true",
        }

    def answers(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(b"AMQP\0\0\x09\x01")
            return b"RabbitMQ" in connection.recv(4096)

    def config(self) -> dict[str, Any]:
        """Return the section of a configuration."""
        return {"amqp_url": self.url}


class SingularityWorker(Server):
    """
    What a container of the backend ``singularity`` runs.

    :param folder: where it keeps its files, none of which the tests' process knows of
    :param broker: where its work comes from
    """

    def __init__(self, folder: Path, broker: RabbitMQ) -> None:
        super().__init__(folder)
        self.broker = broker

    def command(self) -> list[str | Path]:
        return [sys.executable, "-m", "lithops.serverless.backends.singularity.entry_point", self.broker.url]

    def environment(self) -> Mapping[str, str]:
        return {
            "HOME": str(self.folder),
            "PYTHONSAFEPATH": "1",
            "PATH": os.defpath,
        }

    def answers(self) -> bool:
        with pika.BlockingConnection(pika.URLParameters(self.broker.url)) as connection:
            try:
                state = connection.channel().queue_declare("task_queue", passive=True)
            except pika.exceptions.ChannelClosedByBroker:
                return False
            return bool(state.method.consumer_count == 1)
