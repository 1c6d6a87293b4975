"""
Decides who may see and do what on the page, by Airflow's own login and its own rights on the DAG. The routes of app.py
and actions.py depend on it.
"""

from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.api_fastapi.logging.decorators import action_logging
from fastapi import Depends, Header, HTTPException, Request

# Airflow 3.1.0 takes the DAG's id from the path alone: no route may have it anywhere else.
_change_tasks = requires_access_dag("PUT", DagAccessEntity.TASK_INSTANCE)
_delete_tasks = requires_access_dag("DELETE", DagAccessEntity.TASK_INSTANCE)

#: A route with this needs the right to read task instances, of the DAG in its path if there is one.
may_see_tasks = Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE))
#: The right to read the tasks' logs, which is needed for what functions print and for tracebacks.
may_see_logs = Depends(requires_access_dag("GET", DagAccessEntity.TASK_LOGS))
#: The right that Airflow asks for when somebody clears or marks a task instance.
may_change_tasks = Depends(_change_tasks)
#: The right that Airflow asks for when somebody deletes a task instance.
may_delete_tasks = Depends(_delete_tasks)


def _readable_dags(user: GetUserDep) -> set[str]:
    return get_auth_manager().get_authorized_dag_ids(user=user, method="GET")


def _logged_in(user: GetUserDep) -> None:
    """Needs no right beyond Airflow's login."""


def _rights(request: Request, user: GetUserDep) -> dict[str, bool]:
    def has(check: Any) -> bool:
        try:
            check(request, user)
        except HTTPException:
            return False
        return True

    return {"change": has(_change_tasks), "delete": has(_delete_tasks)}


def _sent_by_page(x_lithops_action: Annotated[str, Header(max_length=10)] = "") -> None:
    """
    Refuses a request that another site makes a user's browser send, along with the user's cookie. Browsers let only
    scripts of the same origin add this header, unless Airflow's ``[api] access_control_allow_headers`` allows others.
    """
    if x_lithops_action != "page":
        raise HTTPException(403, "Only the page may ask for this: the header X-Lithops-Action is missing.")


def audited(event: str) -> Any:
    """
    Returns a dependency with which Airflow notes a request in its audit log, with the user, the task and the
    parameters. If a route has it before its other dependencies, requests that these refuse are noted, too.

    :param event: the request's name in the log
    """
    return Depends(action_logging(event=event))


#: The DAGs that the user may read.
ReadableDags = Annotated[set[str], Depends(_readable_dags)]
#: Whether the user may ``change`` and ``delete`` task instances of the DAG in the path. The page shows its buttons by
#: this; the routes themselves check again.
Rights = Annotated[dict[str, bool], Depends(_rights)]
logged_in = Depends(_logged_in)
sent_by_page = Depends(_sent_by_page)
