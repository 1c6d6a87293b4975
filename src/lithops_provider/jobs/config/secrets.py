"""
Finds the secret values of a Lithops configuration. With it, the hook has Airflow mask these values in logs, the plugin
adds to the names whose values Airflow hides, and the trigger and the page keep secrets out of what they store and show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

#: A key is secret if its name contains one of these. They cover Lithops 3.8.0's backends and the libraries to which
#: Lithops passes a whole section (redis, oci). tests/jobs/config/test_secrets.py compares them with Lithops's sources.
_SECRET = (
    "access_key",
    "account_key",
    "api_key",
    "apikey",
    "private_key",
    "key_content",
    "password",
    "passwd",
    "passphrase",
    "pass_phrase",
    "secret",
    "token",
    "amqp_url",
    "connection_string",
    "authorization",
    "headers",
)
_NOT_SECRET = ("token_expiry_time",)

#: Names that Airflow has to hide beside those that it hides by itself ("password", "secret", "token", "access_key").
#: Airflow hides the value of every key that contains one of them, anywhere, so they must not be common words:
#: ``otlp`` hides the whole section, for the sake of its ``headers``.
HIDDEN_NAMES = ("account_key", "amqp_url", "key_content", "pass_phrase", "otlp")


def is_secret_key(name: str) -> bool:
    """
    Tells whether the value under a key of the configuration is secret.

    :param name: the key, e.g. ``storage_account_key``
    """
    name = name.lower().replace("-", "_")
    return name not in _NOT_SECRET and any(part in name for part in _SECRET)


def secret_values(config: Mapping[str, Any]) -> list[str]:
    """
    Returns all secret values of a configuration: credentials, and the passwords within URLs.

    :param config: a configuration, complete or not
    """
    return list(dict.fromkeys(value for value in _secrets(config, secret=False) if value))


def _secrets(value: object, *, secret: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _secrets(inner, secret=secret or is_secret_key(str(key)))
    elif isinstance(value, str):
        if secret:
            yield value
        yield from _password_in_url(value)
    elif isinstance(value, Iterable) and not isinstance(value, bytes):
        for inner in value:
            yield from _secrets(inner, secret=secret)
    elif secret and isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _password_in_url(value: str) -> Iterator[str]:
    if "://" not in value or "@" not in value:
        return
    try:
        password = urlsplit(value).password
    except ValueError:
        return
    if password:
        yield password
        yield unquote(password)
