"""
Reads the Lithops configuration out of an Airflow connection of type ``lithops``.

A connection may give the configuration in any of three ways, or in several that don't contradict each other:

- nested: the extra holds Lithops's own sections, ``{"lithops": {"backend": "k8s"}, "minio": {...}}``;
- flat: the extra holds the fields of the form, ``{"backend": "k8s", "storage": "minio"}``;
- host, login and password are the storage's endpoint and credentials.

The form of Airflow's web interface writes its fields flat into the extra, beside the sections that are there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lithops_provider.get_provider_info import TESTS
from lithops_provider.jobs.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Connection

#: Flat fields that go into the section ``lithops``, and into that of the compute backend.
_LITHOPS_FIELDS = ("backend", "storage", "mode", "monitoring")
_BACKEND_FIELDS = ("runtime", "runtime_memory", "runtime_timeout", "max_workers", "execution_role")
#: The flat field that says what a test of the connection tries.
_TEST_FIELD = "test"


class StorageFields(NamedTuple):
    """
    Where the fields of a connection go for a storage.

    :param section: the section that has the credentials
    :param standard: key in that section for the connection's host, port, login and password. A port without a
        key is part of the host
    :param others: more keys of that section that can be given flat
    """

    section: str
    standard: dict[str, str] = {}  # noqa: RUF012 (never changed)
    others: tuple[str, ...] = ("region",)

    def flat(self) -> list[str]:
        """Returns the keys of the section that can be given flat in the extra."""
        return [*self.standard.values(), *self.others]


_S3_LOGIN = {"login": "access_key_id", "password": "secret_access_key"}
_S3_OTHERS = ("region", "session_token")
#: Keys of Lithops 3.8.0, see lithops/storage/backends/*.
STORAGE_FIELDS = {
    "localhost": StorageFields("localhost", others=()),
    "aws_s3": StorageFields("aws", _S3_LOGIN, _S3_OTHERS),
    "minio": StorageFields("minio", {"host": "endpoint", **_S3_LOGIN}, _S3_OTHERS),
    "ceph": StorageFields("ceph", {"host": "endpoint", **_S3_LOGIN}, _S3_OTHERS),
    "ibm_cos": StorageFields("ibm_cos", {"host": "endpoint", **_S3_LOGIN}),
    "gcp_storage": StorageFields("gcp", others=("region", "credentials_path")),
    "azure_storage": StorageFields(
        "azure_storage", {"login": "storage_account_name", "password": "storage_account_key"}, ()
    ),
    "aliyun_oss": StorageFields("aliyun", {"login": "access_key_id", "password": "access_key_secret"}),
    "oracle_oss": StorageFields("oracle"),
    "swift": StorageFields("swift", {"host": "auth_url", "login": "user_id", "password": "password"}),
    "redis": StorageFields("redis", {"host": "host", "port": "port", "login": "username", "password": "password"}, ()),
    "infinispan": StorageFields("infinispan", {"host": "endpoint", "login": "username", "password": "password"}, ()),
}


def connection_config(connection: Connection) -> dict[str, dict[str, Any]]:
    """
    Returns the Lithops configuration that a connection holds, section by section; empty if it holds none.

    :param connection: a connection of type ``lithops``
    :raises ConfigurationError: it is malformed, or says two different things about the same setting
    """
    return _Reader(connection).read()


def what_to_test(connection: Connection) -> str:
    """
    Returns what a test of a connection is to try: "storage", or "function", which tries both.

    :param connection: a connection of type ``lithops``
    :raises ConfigurationError: the field says something else
    """
    return _Reader(connection).what_to_test()


class _Reader:
    """
    Reads one connection. `read` collects the configuration in ``config``, into which `_put` alone writes: it notices
    where two fields contradict each other.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.source = f"connection {connection.conn_id!r}"
        self.config: dict[str, dict[str, Any]] = {}

    def read(self) -> dict[str, dict[str, Any]]:
        from lithops_provider.jobs.config.resolve import checked_layer, implied_backend, implied_storage

        extra = self._extra()
        extra.pop(_TEST_FIELD, None)
        nested, flat = self._split(extra)
        _, self.config = checked_layer(f"{self.source}: extra", nested)
        for name in _LITHOPS_FIELDS:
            if name in flat:
                self._put("lithops", name, flat.pop(name), f"field {name!r}")
        if backend_fields := [name for name in _BACKEND_FIELDS if name in flat]:
            backend = implied_backend(self.config)
            for name in backend_fields:
                self._put(backend, name, flat.pop(name), f"field {name!r}")
        standard = self._standard_fields()
        if flat or standard:
            self._put_storage(implied_storage(self.config), flat, standard)
        return self.config

    def what_to_test(self) -> str:
        chosen = self._extra().get(_TEST_FIELD) or TESTS[0]
        if chosen not in TESTS:
            raise ConfigurationError(
                f"{self.source}: field {_TEST_FIELD!r} of its extra must be one of {', '.join(TESTS)}, got {chosen!r}"
            )
        return str(chosen)

    def _extra(self) -> dict[str, Any]:
        """Returns the parsed extra. Airflow's own ``extra_dejson`` takes broken JSON for an empty extra."""
        text = self.connection.extra
        if not text or not text.strip():
            return {}
        try:
            extra = json.loads(text)
        except ValueError as error:
            raise ConfigurationError(
                f"{self.source}: its extra must be a JSON object, but is no JSON: {error}"
            ) from None
        if not isinstance(extra, dict):
            raise ConfigurationError(f"{self.source}: its extra must be a JSON object, got {type(extra).__name__}")
        return extra

    def _split(self, extra: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns the sections of the extra, and its flat fields."""
        from lithops_provider.jobs.config.resolve import one_of, sections

        known_sections = sections()
        fields = [*_LITHOPS_FIELDS, *_BACKEND_FIELDS, "storage_bucket"]
        fields += [key for storage in STORAGE_FIELDS.values() for key in storage.flat()]
        nested: dict[str, Any] = {}
        flat: dict[str, Any] = {}
        for name, value in extra.items():
            if value is None or value == "":
                continue  # a field of the form that nobody filled in
            # "storage" is a field of the form; "redis" is a section, though redis has a key "host".
            if name in fields and not isinstance(value, Mapping):
                if not isinstance(value, str | int | float):
                    raise ConfigurationError(
                        f"{self.source}: field {name!r} of its extra must be text or a number, got a "
                        f"{type(value).__name__}"
                    )
                flat[name] = value
            elif name in known_sections or isinstance(value, Mapping):
                nested[name] = value
            else:
                raise ConfigurationError(
                    f"{self.source}: its extra has an unknown field {name!r}{one_of(name, [*fields, *known_sections])}"
                )
        return nested, flat

    def _standard_fields(self) -> dict[str, Any]:
        """Returns host, login, password and port, as far as they are given."""
        names = ("host", "login", "password", "port")
        values = {name: getattr(self.connection, name) for name in names}
        return {name: value for name, value in values.items() if value not in (None, "")}

    def _put_storage(self, storage: str | None, flat: dict[str, Any], standard: dict[str, Any]) -> None:
        given = ", ".join(repr(name) for name in (*flat, *standard))
        if storage not in STORAGE_FIELDS:
            raise ConfigurationError(
                f"{self.source}: {given} can't be used without a storage that Lithops knows; set the field "
                f"'storage' to one of: {', '.join(STORAGE_FIELDS)}"
            )
        fields = STORAGE_FIELDS[storage]
        for name, value in flat.items():
            if name == "storage_bucket":
                self._put(storage, name, value, f"field {name!r}")
            elif name in fields.flat():
                self._put(fields.section, name, value, f"field {name!r}")
            else:
                raise ConfigurationError(
                    f"{self.source}: storage {storage!r} has no {name!r}, only "
                    f"{', '.join([*fields.flat(), 'storage_bucket'])}. Others go into sections of the extra"
                )
        if "host" in fields.standard and "port" not in fields.standard and {"host", "port"} <= standard.keys():
            standard["host"] = f"{standard['host']}:{standard.pop('port')}"
        for name, value in standard.items():
            if name not in fields.standard:
                raise ConfigurationError(f"{self.source}: storage {storage!r} has no use for a {name}; leave it empty")
            self._put(fields.section, fields.standard[name], value, f"its {name}")

    def _put(self, section: str, key: str, value: Any, what: str) -> None:
        settings = self.config.setdefault(section, {})
        if settings.get(key, value) != value:
            raise ConfigurationError(
                f"{self.source}: {what} and {section}.{key} of its extra say different things; leave one out"
            )
        settings[key] = value
