"""
What a task says about its Lithops configuration: the connection, and what is set over it. Operators make such settings,
and the hook, the trigger, the executor and the servers connect by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: The connection of whoever names none. It may be missing: then Lithops's own configuration files apply.
DEFAULT_CONN_ID = "lithops_default"


@dataclass(frozen=True)
class ConnectionSettings:
    """
    A connection, and what a task sets over it. They decide to which address the connection's credentials are sent, so
    they must never be made of an XCom, which users may write.

    :param lithops_conn_id: the connection
    :param lithops_config: Lithops configuration over the connection's
    :param arguments: settings over both, see `lithops_provider.jobs.config.resolve.ARGUMENTS`
    """

    lithops_conn_id: str = DEFAULT_CONN_ID
    lithops_config: Mapping[str, Any] | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
