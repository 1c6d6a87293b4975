from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lithops_provider.jobs.config.secrets import HIDDEN_NAMES, is_secret_key, secret_values

#: Keys in Lithops 3.8.0's sources that sound secret and are not.
NOT_SECRET = {
    # Names, paths and addresses.
    *("GOOGLE_APPLICATION_CREDENTIALS", "credentials_path", "key_file", "key_filename", "ssh_key_filename"),
    *("ssh_key", "ssh_key_id", "ssh_key_name", "kms_key_id", "KmsKeyId", "auth_url", "git_url", "private_endpoint"),
    *("auth_mech", "network_key", "private_ip", "PrivateIpAddress", "assign_public_ip", "QueueUrl", "url"),
    # Answers of clouds, and Lithops's own names.
    *("Key", "KeyPairs", "key", "keys", "job_key", "credentials", "ssh_credentials", "QueueConnectionString"),
    *("connection_retries", "token_expiry_time"),
}


def keys_in_lithops() -> Iterator[str]:
    """Yields every string that Lithops's backends use as a key."""
    import lithops

    for part in ("serverless", "standalone", "storage", "monitoring", "telemetry", "localhost"):
        for path in (Path(lithops.__file__).parent / part).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Subscript):
                    keys = [node.slice]
                elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("get", "pop", "setdefault"):
                    keys = list(node.args[:1])
                elif isinstance(node, ast.Tuple):  # the lists of required keys
                    keys = node.elts
                else:
                    continue
                yield from (key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def test_all_secret_keys_of_lithops_are_known() -> None:
    words = r"key|secret|token|pass|auth|cred|amqp|cert|private|sign|header|connection|url|pem"
    suspects = {key for key in keys_in_lithops() if re.search(words, key, re.IGNORECASE) and key.isidentifier()}
    assert {"storage_account_key", "secret_access_key", "amqp_url", "ssh_password"} < suspects

    assert {key for key in suspects if not is_secret_key(key)} - NOT_SECRET == set()
    assert not any(is_secret_key(key) for key in NOT_SECRET)


@pytest.mark.parametrize("key", ["region", "endpoint", "runtime", "execution_role", "storage_bucket", "user", "host"])
def test_settings_are_not_secret(key: str) -> None:
    assert not is_secret_key(key)


def test_secret_values_are_found_wherever_they_are() -> None:
    config = {
        "lithops": {"backend": "k8s", "monitoring_interval": 2},
        "aws": {"access_key_id": "AKIA1", "secret_access_key": "aws-secret", "region": "eu-west-1"},
        "azure_storage": {"storage_account_name": "account", "storage_account_key": "azure-secret"},
        "swift": {"password": 12345678, "token": None},
        "aws_lambda": {"env_vars": {"DB-PASSWORD": "db-secret", "MODE": "fast"}, "efs": [{"mount_path": "/mnt"}]},
        "otlp": {"headers": {"x-team": "otlp-secret"}, "endpoint": "http://u:url-secret@h"},
        "rabbitmq": {"amqp_url": "amqp://u:mq%2Fsecret@h/"},
        "redis": {"passwords": ["one-secret", "two-secret"], "ssl": True},
        "ibm_cos": {"token": "cos-secret", "token_expiry_time": "tomorrow"},
    }

    assert secret_values(config) == [
        *("AKIA1", "aws-secret", "azure-secret", "12345678", "db-secret", "otlp-secret", "url-secret"),
        *("amqp://u:mq%2Fsecret@h/", "mq%2Fsecret", "mq/secret", "one-secret", "two-secret", "cos-secret"),
    ]


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"aws": {"secret_access_key": ""}},
        *({"a": {"url": url}} for url in ("http://[::1@", "http://user@host", "http://user:@host", "http://host/a@b")),
    ],
)
def test_nothing_secret(config: dict[str, dict[str, str]]) -> None:
    assert secret_values(config) == []


def test_the_names_that_airflow_is_to_hide_are_no_common_words() -> None:
    common = ["region", "host", "endpoint", "key", "headers", "url", "account", "options", "content", "phrase"]

    assert not [(name, word) for name in HIDDEN_NAMES for word in common if name in word]
