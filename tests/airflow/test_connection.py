"""Connections of type lithops in a real Airflow: what its API shows of them, and what tasks log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.airflow.conftest import RunDag
from tests.airflow_version import needs_airflow
from tools.airflow_stack import AirflowStack

CONN_ID = "lithops_with_secrets"
#: A secret under each key that Lithops keeps one under; the values say so to be found in any answer.
EXTRA = {
    "lithops": {"backend": "localhost", "storage": "localhost", "execution_timeout": "1234"},
    "aws": {
        **{"access_key_id": "s3cret-01", "secret_access_key": "s3cret-02", "session_token": "s3cret-03"},
        "region": "eu-west-1",
    },
    "azure_storage": {"storage_account_name": "account", "storage_account_key": "s3cret-04"},
    "aliyun": {"access_key_secret": "s3cret-05"},
    "ibm": {"iam_api_key": "s3cret-06"},
    "openwhisk": {"api_key": "s3cret-07"},
    "swift": {"password": "s3cret-08", "token": "s3cret-09"},
    "aws_ec2": {"ssh_password": "s3cret-10"},
    "k8s": {"docker_password": "s3cret-11"},
    "rabbitmq": {"amqp_url": "amqp://user:s3cret-12@127.0.0.1:5672"},
    "otlp": {"headers": {"x-team": "s3cret-13"}},
    "oracle": {"pass_phrase": "s3cret-14", "key_content": "s3cret-15"},
}
SECRETS = 15

OPERATOR = """
from airflow.sdk import DAG, BaseOperator
from lithops_provider.hooks import LithopsHook

class Show(BaseOperator):
    template_fields = ("lithops_config",)

    def __init__(self, lithops_conn_id, lithops_config=None, **kwargs):
        super().__init__(**kwargs)
        self.lithops_conn_id, self.lithops_config = lithops_conn_id, lithops_config

    def execute(self, context):
        config = LithopsHook(self.lithops_conn_id, self.lithops_config).get_config()
        self.log.info("logged %s", config)
        print("printed", config["azure_storage"]["storage_account_key"], config["rabbitmq"])
        return [config["lithops"]["execution_timeout"], len(config["azure_storage"]["storage_account_key"])]

with DAG("shows_config", schedule=None):
    Show(
        task_id="show",
        lithops_conn_id="lithops_with_secrets",
        lithops_config={
            "azure_storage": {"storage_account_key": "s3cret-{{ 10 + 10 }}"},
            "redis": {"host": "h", "password": "s3cret-21"},
        },
    )
with DAG("has_no_connection", schedule=None):
    Show(task_id="show", lithops_conn_id="nowhere")
"""


@pytest.fixture
def connection(airflow: AirflowStack) -> Iterator[dict[str, Any]]:
    made = airflow.api.create_connection(
        CONN_ID, "lithops", extra=json.dumps({**EXTRA, "backend": None, "region": None}), description="a test's"
    )
    yield made
    airflow.api.delete_connection(CONN_ID)


def stored(airflow: AirflowStack) -> dict[str, Any]:
    """The connection's extra, as the database has it."""
    (found,) = json.loads(airflow.cli("connections", "get", CONN_ID, "--output", "json"))
    extra: dict[str, Any] = found["extra_dejson"]
    return extra


def test_the_secrets_of_the_test_are_all_different() -> None:
    assert json.dumps(EXTRA).count("s3cret-") == SECRETS


def test_the_api_shows_settings_but_no_secret(airflow: AirflowStack, connection: dict[str, Any]) -> None:
    one = airflow.api.get(f"/connections/{CONN_ID}")
    many = airflow.api.get("/connections", limit=100)
    events = airflow.api.get("/eventLogs", limit=1000)

    for answer in (connection, one, many, events):
        assert "s3cret" not in json.dumps(answer)
    shown = json.loads(one["extra"])
    assert shown["azure_storage"] == {"storage_account_name": "account", "storage_account_key": "***"}
    assert shown["lithops"] == EXTRA["lithops"]
    assert shown["aws"]["region"] == "eu-west-1"
    assert shown["otlp"] == {"headers": {"x-team": "***"}}


@pytest.mark.usefixtures("connection")
def test_an_edit_in_the_form_keeps_the_secrets(airflow: AirflowStack) -> None:
    shown = json.loads(airflow.api.get(f"/connections/{CONN_ID}")["extra"])
    shown["aws"]["region"] = "eu-west-3"
    airflow.api.patch(
        f"/connections/{CONN_ID}",
        {"connection_id": CONN_ID, "conn_type": "lithops", "extra": json.dumps(shown)},
    )

    expected = {**EXTRA, "aws": {**EXTRA["aws"], "region": "eu-west-3"}, "backend": None, "region": None}
    assert stored(airflow) == expected


@pytest.mark.usefixtures("connection")
def test_a_tasks_log_and_rendered_fields_show_no_secret(airflow: AirflowStack, run_dag: RunDag) -> None:
    airflow.write_dag("shows_config", OPERATOR, "shows_config")
    run = run_dag("shows_config")

    assert run.xcom("show") == [1234, len("s3cret-20")]
    log = run.log("show")
    assert "logged {" in log
    assert "printed *** {'amqp_url': '***'}" in log
    assert "s3cret" not in log
    assert run.rendered("show")["lithops_config"] == {
        "azure_storage": {"storage_account_key": "***"},
        "redis": {"host": "h", "password": "***"},
    }


def test_a_missing_connection_fails_the_task_with_a_clear_error(airflow: AirflowStack, run_dag: RunDag) -> None:
    airflow.write_dag("shows_config", OPERATOR, "has_no_connection")
    log = run_dag("has_no_connection", check=False).log("show")

    assert "connection 'nowhere' doesn't exist; add it, of type 'lithops'" in log


def test_airflow_knows_the_provider(airflow: AirflowStack) -> None:
    found = airflow.api.get("/providers", limit=100)["providers"]

    assert "airflow-provider-lithops" in [provider["package_name"] for provider in found]


@pytest.mark.parametrize(
    ("extra", "works", "message"),
    [
        ({}, True, "wrote, read and deleted an object in bucket 'storage'"),
        ({"backend": "localhost", "storage": None}, True, "runs functions on this machine with Python"),
        (EXTRA, True, "runs functions on this machine"),
        ({"backend": "lokalhost"}, False, "Lithops has no backend 'lokalhost'; did you mean localhost?"),
        pytest.param(
            *({"aws": '{"region": "eu"}'}, False, "section 'aws' must be a dict of settings, got str"),
            marks=needs_airflow("3.2", "a Test button that leaves text in the extra alone"),
        ),
        ({"lithops": {"storage": "swift"}, "swift": {"password": "s3cret-30"}}, False, "'auth_url' is mandatory"),
    ],
)
def test_the_test_button(airflow: AirflowStack, extra: dict[str, Any], works: bool, message: str) -> None:
    answer = airflow.api.test_connection("not_saved_yet", "lithops", extra=json.dumps(extra))

    assert message in answer["message"]
    assert answer["status"] is works
    assert "s3cret" not in answer["message"]


@pytest.mark.usefixtures("connection")
def test_the_test_button_of_a_saved_connection_uses_its_secrets(airflow: AirflowStack) -> None:
    shown = airflow.api.get(f"/connections/{CONN_ID}")
    answer = airflow.api.test_connection(CONN_ID, "lithops", extra=shown["extra"])

    assert answer["status"], answer["message"]
