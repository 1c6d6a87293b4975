"""Opens Lithops's storage where no task runs: in Airflow's servers, and on its command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.models.connection import Connection

from lithops_provider.hooks import LithopsHook

if TYPE_CHECKING:
    from lithops_provider.connection.settings import ConnectionSettings
    from lithops_provider.jobs.client import LithopsClient


class _ServersHook(LithopsHook):
    """Gets connections from Airflow's secrets backends and its database."""

    @classmethod
    def get_connection(cls, conn_id: str) -> Any:
        return Connection.get_connection_from_secrets(conn_id)


def connect(settings: ConnectionSettings) -> LithopsClient:
    """
    Returns the client for the storage of a job.

    :param settings: what leads to it, from the XCom ``lithops_job`` or the arguments of `LithopsJobTrigger`
    :raises ConfigurationError: its connection is missing, or wrong
    """
    from lithops_provider.jobs.client import LithopsClient

    return LithopsClient(_ServersHook.from_settings(settings).get_config(), patience=0.0)
