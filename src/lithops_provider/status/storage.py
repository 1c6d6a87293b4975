"""Opens Lithops's storage where no task runs: in Airflow's servers, and on its command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.models.connection import Connection

from lithops_provider.hooks import LithopsHook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lithops_provider.jobs.client import LithopsClient


class _ServersHook(LithopsHook):
    """Gets connections from Airflow's secrets backends and its database."""

    @classmethod
    def get_connection(cls, conn_id: str) -> Any:
        return Connection.get_connection_from_secrets(conn_id)


def connection_of(way: Mapping[str, Any]) -> str:
    """
    Returns the id of the connection that a job was sent with.

    :param way: what leads to its storage, see `connect`
    """
    return str(way.get("lithops_conn_id") or LithopsHook.default_conn_name)


def connect(way: Mapping[str, Any]) -> LithopsClient:
    """
    Returns the client for the storage of a job.

    :param way: what leads to it, as far as it isn't empty or the default: ``lithops_conn_id``, ``arguments`` and
        ``lithops_config``, as in the XCom ``lithops_job`` and in the arguments of `LithopsJobTrigger`
    :raises ConfigurationError: its connection is missing, or wrong
    """
    from lithops_provider.jobs.client import LithopsClient

    hook = _ServersHook(connection_of(way), way.get("lithops_config") or None, **(way.get("arguments") or {}))
    return LithopsClient(hook.get_config(), patience=0.0)
