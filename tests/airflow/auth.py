"""An auth manager with rights by DAG, which Airflow's simple one doesn't have: for a second API server of the tests."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

from tests.airflow.guarded import SEEN


class ByDagAuthManager(SimpleAuthManager):
    """``limited`` sees one DAG, ``nologs`` no logs, and whoever has no role nothing at all."""

    def is_authorized_dag(self, *, user: Any, access_entity: Any = None, details: Any = None, **kwargs: Any) -> bool:
        if user.username == "limited" and details is not None and details.id not in (None, SEEN):
            return False
        if user.username == "nologs" and access_entity is DagAccessEntity.TASK_LOGS:
            return False
        return super().is_authorized_dag(user=user, access_entity=access_entity, details=details, **kwargs)
