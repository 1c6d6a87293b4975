"""Who may see what: Airflow's own login, and its own rights on the DAG."""

from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends

# Airflow 3.1.0 takes the DAG's id from the path alone: no route may have it anywhere else.

#: A route with this needs the right to read task instances, of the DAG in its path if there is one.
may_see_tasks = Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE))
#: The right to read the tasks' logs: what functions print, and tracebacks, are that.
may_see_logs = Depends(requires_access_dag("GET", DagAccessEntity.TASK_LOGS))


def _readable_dags(user: GetUserDep) -> set[str]:
    return get_auth_manager().get_authorized_dag_ids(user=user, method="GET")


def _logged_in(user: GetUserDep) -> None:
    """Asks for nothing more than Airflow's login."""


#: The DAGs that the user may read.
ReadableDags = Annotated[set[str], Depends(_readable_dags)]
logged_in = Depends(_logged_in)
