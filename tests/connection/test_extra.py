from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import Connection

from lithops_provider.connection.extra import STORAGE_FIELDS, connection_config
from lithops_provider.jobs.config.resolve import storage_backends
from lithops_provider.jobs.errors import ConfigurationError


def connection(extra: Any = None, **fields: Any) -> Connection:
    text = extra if extra is None or isinstance(extra, str) else json.dumps(extra)
    return Connection(conn_id="my_lithops", conn_type="lithops", extra=text, **fields)


NESTED = {"lithops": {"backend": "k8s", "storage": "minio"}, "minio": {"endpoint": "http://h:9000"}}


def test_the_nested_extra_is_lithops_own_configuration() -> None:
    assert connection_config(connection(NESTED)) == NESTED


@pytest.mark.parametrize(
    "extra",
    [None, "", " ", "{}", {"backend": None, "storage": "", "runtime_memory": None}],
)
def test_an_empty_connection_has_no_configuration(extra: Any) -> None:
    assert connection_config(connection(extra, host="", login=None)) == {}


@pytest.mark.parametrize(
    ("extra", "config"),
    [
        ({"backend": "localhost"}, {"lithops": {"backend": "localhost"}}),
        (
            {"backend": "k8s", "storage": "minio", "storage_bucket": "b", "runtime": "image", "runtime_memory": 512},
            {
                "lithops": {"backend": "k8s", "storage": "minio"},
                "k8s": {"runtime": "image", "runtime_memory": 512},
                "minio": {"storage_bucket": "b"},
            },
        ),
        (
            {"backend": "aws_lambda", "region": "eu-west-1", "execution_role": "arn", "storage_bucket": "b"},
            {
                "lithops": {"backend": "aws_lambda"},
                "aws": {"region": "eu-west-1"},
                "aws_lambda": {"execution_role": "arn"},
                "aws_s3": {"storage_bucket": "b"},
            },
        ),
        (
            {"storage": "minio", "endpoint": "http://h", "access_key_id": "id", "secret_access_key": "s"},
            {
                "lithops": {"storage": "minio"},
                "minio": {"endpoint": "http://h", "access_key_id": "id", "secret_access_key": "s"},
            },
        ),
        ({"runtime": "python3"}, {"localhost": {"runtime": "python3"}}),
        ({"mode": "localhost", "monitoring": "storage"}, {"lithops": {"mode": "localhost", "monitoring": "storage"}}),
        ({"storage": "redis", "port": "6379"}, {"lithops": {"storage": "redis"}, "redis": {"port": "6379"}}),
    ],
)
def test_the_fields_of_the_form(extra: dict[str, Any], config: dict[str, Any]) -> None:
    assert connection_config(connection(extra)) == config


def test_fields_of_the_form_live_beside_sections() -> None:
    extra = {"backend": "k8s", "runtime": None, "storage": "minio", "k8s": {"docker_server": "d"}, "region": "r"}

    assert connection_config(connection(extra, password="s")) == {
        "lithops": {"backend": "k8s", "storage": "minio"},
        "k8s": {"docker_server": "d"},
        "minio": {"region": "r", "secret_access_key": "s"},
    }


def test_saying_the_same_thing_twice_is_fine() -> None:
    assert connection_config(connection({**NESTED, "backend": "k8s"}, host="http://h:9000")) == NESTED


@pytest.mark.parametrize(
    ("storage", "section", "expected"),
    [
        ("aws_s3", "aws", {"access_key_id": "me", "secret_access_key": "pw"}),
        ("minio", "minio", {"endpoint": "http://h", "access_key_id": "me", "secret_access_key": "pw"}),
        ("ceph", "ceph", {"endpoint": "http://h", "access_key_id": "me", "secret_access_key": "pw"}),
        ("ibm_cos", "ibm_cos", {"endpoint": "http://h", "access_key_id": "me", "secret_access_key": "pw"}),
        ("azure_storage", "azure_storage", {"storage_account_name": "me", "storage_account_key": "pw"}),
        ("aliyun_oss", "aliyun", {"access_key_id": "me", "access_key_secret": "pw"}),
        ("swift", "swift", {"auth_url": "http://h", "user_id": "me", "password": "pw"}),
        ("redis", "redis", {"host": "http://h", "username": "me", "password": "pw"}),
        ("infinispan", "infinispan", {"endpoint": "http://h", "username": "me", "password": "pw"}),
    ],
)
def test_host_login_and_password_are_the_storages(storage: str, section: str, expected: dict[str, str]) -> None:
    host = {"host": "http://h"} if "http://h" in expected.values() else {}
    config = connection_config(connection({"storage": storage}, login="me", password="pw", **host))

    assert config == {"lithops": {"storage": storage}, section: expected}


def test_every_storage_of_lithops_has_its_fields() -> None:
    assert sorted(STORAGE_FIELDS) == sorted(storage_backends())


def test_a_port_is_part_of_an_endpoint_and_a_key_of_redis() -> None:
    minio = connection_config(connection({"storage": "minio"}, host="http://h", port=9000))
    redis = connection_config(connection({"storage": "redis"}, host="h", port=6379))

    assert minio["minio"] == {"endpoint": "http://h:9000"}
    assert redis["redis"] == {"host": "h", "port": 6379}


@pytest.mark.parametrize(
    "uri",
    [
        "lithops://http://me:pw@h:9000/?storage=minio&backend=k8s",
        "lithops://http://me:pw@h%3A9000/?storage=minio&backend=k8s",
        'lithops://http://me:pw@h:9000/?__extra__={"lithops": {"storage": "minio", "backend": "k8s"}}',
    ],
)
def test_a_connection_from_a_uri(uri: str) -> None:
    assert connection_config(Connection.from_uri(uri, conn_id="c")) == {
        "lithops": {"storage": "minio", "backend": "k8s"},
        "minio": {"endpoint": "http://h:9000", "access_key_id": "me", "secret_access_key": "pw"},
    }


def test_a_connection_survives_airflows_own_uri() -> None:
    # What the form's Test button does to it.
    given = connection({**NESTED, "runtime": "image"}, login="a/b", password="p@s s:w")
    again = Connection.from_uri(given.get_uri(), conn_id="my_lithops")

    assert connection_config(again) == connection_config(given)
    assert connection_config(again)["minio"]["secret_access_key"] == "p@s s:w"


@pytest.mark.parametrize(
    ("extra", "fields", "expected"),
    [
        ("{", {}, r"its extra must be a JSON object, but is no JSON: Expecting property name"),
        ("backend=k8s", {}, r"its extra must be a JSON object, but is no JSON"),
        ("[1]", {}, r"its extra must be a JSON object, got list$"),
        ('"{}"', {}, r"its extra must be a JSON object, got str$"),
        (
            {"aws": '{"region": "r"}'},
            {},
            r"extra: section 'aws' must be a dict of settings, got str\. JSON in a string",
        ),
        ({"aws": []}, {}, r"extra: section 'aws' must be a dict of settings, got list$"),
        ({"awss": {}}, {}, r"extra: Lithops knows no section 'awss'; did you mean aws"),
        ({"bakend": "k8s"}, {}, r"its extra has an unknown field 'bakend'; did you mean backend\? One of: backend, "),
        ({"backend": ["k8s"]}, {}, r"field 'backend' of its extra must be text or a number, got a list$"),
        (
            {"lithops": {"backned": "k8s"}},
            {},
            r"extra: lithops\.backned is no setting of Lithops; did you mean backend",
        ),
        (
            {"backend": "k8s", "lithops": {"backend": "localhost"}},
            {},
            r"field 'backend' and lithops\.backend of its extra say different things; leave one out$",
        ),
        ({**NESTED}, {"host": "http://other"}, r"its host and minio\.endpoint of its extra say different things"),
        ({"backend": "k8s"}, {"login": "me"}, r"'login' can't be used without a storage .* one of: localhost, aws_s3"),
        ({"storage": "minoi", "region": "r"}, {}, r"'region' can't be used without a storage that Lithops knows"),
        ({"storage": "redis", "region": "r"}, {}, r"storage 'redis' has no 'region', only host, port, username"),
        ({}, {"login": "me"}, r"storage 'localhost' has no use for a login; leave it empty$"),
        ({"storage": "aws_s3"}, {"host": "h"}, r"storage 'aws_s3' has no use for a host"),
    ],
)
def test_a_malformed_connection(extra: Any, fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^connection 'my_lithops': {expected}"):
        connection_config(connection(extra, **fields))


def test_an_error_quotes_no_secret() -> None:
    extra = {"minio": {"secret_access_key": "s3cret-1"}, "storage": "minio"}
    with pytest.raises(ConfigurationError) as error:
        connection_config(connection(extra, password="s3cret-2"))

    assert "s3cret" not in str(error.value)
