"""What a task says about its Lithops configuration: the connection, and what holds over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lithops_provider.jobs.errors import InvalidInputError

#: The connection of whoever names none. It may be missing: then Lithops's own configuration files apply.
DEFAULT_CONN_ID = "lithops_default"


@dataclass(frozen=True)
class ConnectionSettings:
    """
    Leads to a Lithops configuration. Operators have it, triggers and the XCom ``lithops_job`` carry it, the hook makes
    the configuration out of it. In the latter two it holds no credentials: those come from the connection alone.

    :param lithops_conn_id: the connection
    :param lithops_config: Lithops configuration over the connection's
    :param arguments: single settings over both, see `lithops_provider.jobs.config.resolve.ARGUMENTS`
    """

    lithops_conn_id: str = DEFAULT_CONN_ID
    lithops_config: Mapping[str, Any] | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns what isn't empty or the default, for JSON."""
        value = {
            "lithops_conn_id": None if self.lithops_conn_id == DEFAULT_CONN_ID else self.lithops_conn_id,
            "arguments": dict(self.arguments),
            "lithops_config": dict(self.lithops_config or {}),
        }
        return {name: entry for name, entry in value.items() if entry}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> ConnectionSettings:
        """
        Reads what `to_dict` returned, or the arguments of a trigger.

        :param value: has it among others
        :raises InvalidInputError: it is something else: anybody may write an XCom
        """
        conn_id = value.get("lithops_conn_id") or DEFAULT_CONN_ID
        config, given = value.get("lithops_config") or None, value.get("arguments") or {}
        if not (isinstance(conn_id, str) and isinstance(config, (dict, type(None))) and isinstance(given, dict)):
            raise InvalidInputError("what leads to the Lithops configuration of a job is damaged")
        return cls(conn_id, config, given)
