"""Where servers take a task's connection from, and what they don't take it from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, TaskGroup
from airflow.serialization import serialized_objects

from lithops_provider.connection.settings import ConnectionSettings
from lithops_provider.jobs.errors import ConfigurationError, InvalidInputError
from lithops_provider.operators import LithopsMapOperator
from lithops_provider.sensors import LithopsJobSensor
from lithops_provider.status.records import TaskKey
from lithops_provider.status.settings import settings_of, task_settings

KEY = TaskKey("dag", "run", "group.task", 3)


class Database:
    """Answers what is asked of it: the rendered fields first, then the serialized DAG."""

    def __init__(self, rendered: Any = None, dag: DAG | None = None) -> None:
        self.answers = [rendered, None if dag is None else SimpleNamespace(dag=serialized(dag))]

    def scalar(self, query: Any) -> Any:
        return self.answers.pop(0)


def serialized(dag: DAG) -> Any:
    """Returns a DAG as servers have it."""
    serializer: Any = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG
    return serializer.from_dict(serializer.to_dict(dag))


def found(rendered: Any = None, dag: DAG | None = None) -> ConnectionSettings:
    return task_settings(Database(rendered, dag), KEY)  # type: ignore[arg-type]


class Renamed(LithopsMapOperator):
    """An operator of users."""


class Closed(LithopsMapOperator):
    """An operator of users, which tells nothing of itself."""

    template_fields = ("batch_size",)


def dag_of(operator: Any = LithopsMapOperator, expand: dict[str, Any] | None = None, **arguments: Any) -> DAG:
    with DAG("dag", schedule=None) as dag, TaskGroup("group"):
        given = {"task_id": "task", "map_function": abs, **arguments}
        if expand is None:
            operator(map_iterdata=[1], **given)
        else:
            operator.partial(**given).expand(**expand)
    return dag


def test_rendered_fields_say_it() -> None:
    rendered = {
        **dict.fromkeys(["lithops_config", "mode", "type", "backend", "monitoring", "rabbitmq_monitor"]),
        **{"lithops_conn_id": "mine", "storage": "minio", "config": {"minio": {"endpoint": "http://h"}}},
    }

    assert found(rendered) == ConnectionSettings("mine", {"minio": {"endpoint": "http://h"}}, {"storage": "minio"})


def test_what_airflow_has_masked_is_left_to_the_connection() -> None:
    config = {"minio": {"endpoint": "http://h", "secret_access_key": "***"}}

    assert found({"lithops_conn_id": "a", "lithops_config": config}).lithops_config == {
        "minio": {"endpoint": "http://h"}
    }


@pytest.mark.parametrize("operator", [LithopsMapOperator, Renamed])
def test_when_the_rendered_fields_are_gone_the_operator_says_it(operator: Any) -> None:
    dag = dag_of(operator, lithops_conn_id="mine", storage="minio", rabbitmq_monitor=True)

    assert found(None, dag) == ConnectionSettings("mine", None, {"storage": "minio", "monitoring": "rabbitmq"})
    assert found(None, dag_of(operator)) == ConnectionSettings()


def test_a_masked_id_is_no_id() -> None:
    """The password of any connection may be a piece of it."""
    assert found({"lithops_conn_id": "***_default"}, dag_of(lithops_conn_id="mine")).lithops_conn_id == "mine"


def test_mapped_tasks() -> None:
    dag = dag_of(expand={"map_iterdata": [[1], [2]]}, lithops_conn_id="mine")
    assert found(None, dag) == ConnectionSettings("mine")

    dag = dag_of(expand={"lithops_conn_id": ["a", "b"]}, map_iterdata=[1])
    assert found({"lithops_conn_id": "b"}, dag).lithops_conn_id == "b"
    with pytest.raises(ConfigurationError, match="what lithops_conn_id was in this run is not known any more"):
        found(None, dag)


@pytest.mark.parametrize(
    "arguments",
    [
        {"lithops_conn_id": "{{ ti.xcom_pull(task_ids='x') }}"},
        {"lithops_conn_id": "{% if 1 %}a{% endif %}"},
        {"lithops_config": {"minio": {"endpoint": "http://{{ params.host }}"}}},
        {"storage": "{{ params.storage }}"},
    ],
    ids=str,
)
def test_a_template_is_never_rendered_by_a_server(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="not known any more"):
        found(None, dag_of(**arguments))


@pytest.mark.parametrize("dag", [None, dag_of(Closed, lithops_conn_id="mine")])
@pytest.mark.parametrize("rendered", [None, {}, "text", {"bash_command": "x"}])
def test_a_task_of_another_kind_leads_nowhere(dag: DAG | None, rendered: Any) -> None:
    with pytest.raises(ConfigurationError, match="has no field lithops_conn_id"):
        found(rendered, dag)


def test_a_sensor_has_a_connection_too() -> None:
    with DAG("dag", schedule=None) as dag, TaskGroup("group"):
        LithopsJobSensor(task_id="task", job={}, lithops_conn_id="mine")

    assert found(None, dag) == ConnectionSettings("mine")


@pytest.mark.parametrize(
    "fields",
    [
        {"lithops_conn_id": ["a"]},
        {"lithops_conn_id": {"a": 1}},
        {"lithops_conn_id": 5},
        {"lithops_conn_id": "a", "lithops_config": "Truncated. You can change this behaviour"},
        {"lithops_conn_id": "a", "storage": 7},
        {"lithops_conn_id": "a", "backend": ["k8s"]},
    ],
    ids=str,
)
def test_what_is_of_another_type_is_an_error(fields: dict[str, Any]) -> None:
    with pytest.raises((ConfigurationError, InvalidInputError)):
        settings_of(fields)
