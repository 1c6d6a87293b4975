"""
Finds out which connection and settings a task was given, for `status/storage.py`. It reads only what users can't
write: the rendered fields that Airflow keeps of the task instance, or its operator in the version of the DAG that it
ran with. It renders no templates.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from sqlalchemy import select

from lithops_provider.connection.settings import DEFAULT_CONN_ID, ConnectionSettings
from lithops_provider.jobs.errors import ConfigurationError
from lithops_provider.task import arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from lithops_provider.status.records import TaskKey

#: What Airflow puts into the place of a secret.
_MASK = "***"
_TEMPLATES = ("{{", "{%", "{#")


def task_settings(session: Session, key: TaskKey) -> ConnectionSettings:
    """
    Returns the connection and settings that a task instance was given.

    :param session: a session of Airflow's database
    :param key: the key of the task instance
    :raises ConfigurationError: they aren't known any more, or the task has no connection to Lithops
    """
    rendered = _rendered_fields(session, key)
    fields = rendered if _is_whole(rendered) else {**_operator_fields(session, key), **_known(rendered)}
    if "lithops_conn_id" not in fields:
        raise ConfigurationError(
            f"the task {key.task_id} has no field lithops_conn_id, so it isn't known which connection leads to its "
            "jobs: only jobs of this package's operators can be looked at, and subclasses have to keep their "
            "template_fields"
        )
    return settings_of(fields)


def settings_of(fields: Mapping[str, Any]) -> ConnectionSettings:
    """
    Returns the settings that an operator's fields give.

    :param fields: the rendered fields by name; a missing one has its default
    :raises ConfigurationError: the value of one isn't known
    """
    for name in arguments.CONNECTION_PARAMETERS:
        if not _is_known(fields.get(name)):
            raise ConfigurationError(
                f"what {name} was in this run is not known any more: it is a template or a mapped argument, and "
                "Airflow keeps what was rendered of the last runs alone ([core] num_dag_runs_to_retain_rendered_fields)"
            )
    given = SimpleNamespace(**{name: fields.get(name) for name in arguments.CONNECTION_PARAMETERS})
    config = arguments.resolve(given, "lithops_config")
    if config is not None and not isinstance(config, dict):
        raise ConfigurationError(
            "lithops_config is not known here: it is larger than [core] max_templated_field_length; put it into the "
            "connection"
        )
    named = arguments.backends(given)
    for name, value in {"lithops_conn_id": given.lithops_conn_id or DEFAULT_CONN_ID, **named}.items():
        if not isinstance(value, str):
            raise ConfigurationError(f"{name} must be text, got {value!r:.100}")
    return ConnectionSettings(given.lithops_conn_id or DEFAULT_CONN_ID, _without_masks(config or {}) or None, named)


def _rendered_fields(session: Session, key: TaskKey) -> dict[str, Any]:
    model = RenderedTaskInstanceFields
    query = select(model.rendered_fields).where(
        model.dag_id == key.dag_id,
        model.run_id == key.run_id,
        model.task_id == key.task_id,
        model.map_index == key.map_index,
    )
    found = session.scalar(query)
    return found if isinstance(found, dict) else {}


def _is_whole(fields: Mapping[str, Any]) -> bool:
    conn_id = fields.get("lithops_conn_id")
    return isinstance(conn_id, str) and _MASK not in conn_id


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if not (isinstance(value, str) and _MASK in value)}


def _operator_fields(session: Session, key: TaskKey) -> dict[str, Any]:
    """Returns the fields of the operator, in the version of the DAG that the task instance ran with."""
    query = (
        select(SerializedDagModel)
        .join(TaskInstance, TaskInstance.dag_version_id == SerializedDagModel.dag_version_id)
        .where(
            TaskInstance.dag_id == key.dag_id,
            TaskInstance.run_id == key.run_id,
            TaskInstance.task_id == key.task_id,
            TaskInstance.map_index == key.map_index,
        )
    )
    stored = session.scalar(query)
    task = stored.dag.task_dict.get(key.task_id) if stored is not None else None
    if task is None or "lithops_conn_id" not in task.template_fields:
        return {}
    if not task.is_mapped:
        fields = {name: getattr(task, name, None) for name in arguments.CONNECTION_PARAMETERS}
    else:
        mapped: Any = task
        expanded = getattr(mapped.expand_input, "value", None)
        # An argument of `.expand` differs between the task's instances; `.expand_kwargs` may give any argument.
        names = expanded if isinstance(expanded, dict) else arguments.CONNECTION_PARAMETERS
        fields = {
            name: _Unknown if name in names else mapped.partial_kwargs.get(name)
            for name in arguments.CONNECTION_PARAMETERS
        }
    return {**fields, "lithops_conn_id": fields["lithops_conn_id"] or DEFAULT_CONN_ID}


class _Unknown:
    """In the place of a value that only the task itself knew."""


def _is_known(value: Any) -> bool:
    """Tells whether a value is known, and isn't a template or a container of one."""
    if isinstance(value, dict):
        return all(_is_known(entry) for entry in value.values())
    if isinstance(value, list):
        return all(_is_known(entry) for entry in value)
    return value is not _Unknown and not (isinstance(value, str) and any(mark in value for mark in _TEMPLATES))


def _without_masks(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a configuration without the values that Airflow masks. They are credentials, which the connection has."""
    return {
        name: _without_masks(value) if isinstance(value, dict) else value
        for name, value in config.items()
        if not (isinstance(value, str) and _MASK in value)
    }
