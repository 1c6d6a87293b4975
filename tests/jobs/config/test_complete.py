from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.config.resolve import compute_backends, resolve_config, storage_backends
from lithops_provider.jobs.errors import ConfigurationError
from tests.jobs.lithops_configs import (  # noqa: F401 - fixtures
    COMPUTE,
    SOURCE,
    STORAGE,
    backend_config,
    libraries,
    no_libraries,
    storage_config,
)

#: What Lithops can do without, or finds elsewhere.
OPTIONAL = {
    ("aws", "access_key_id"),
    ("aws", "secret_access_key"),
    # Either of them will do (lithops/storage/backends/ibm_cos/config.py).
    ("ibm_cos", "access_key_id"),
    ("ibm_cos", "secret_access_key"),
}
#: What only some backends of a cloud need.
UNUSED = {
    ("ibm_cf", "resource_group_id"),
    ("gcp_compute_engine", "region"),  # taken from the zone
    ("aliyun_oss", "account_id"),
    ("ibm_cos", "resource_group_id"),
}


def without_each_key(configs: dict[str, dict[str, dict[str, Any]]]) -> list[Any]:
    return [
        pytest.param(name, section, key, id=f"{name}-{section}.{key}")
        for name, config in configs.items()
        for section, settings in config.items()
        for key in settings
        if (section, key) not in OPTIONAL and (name, key) not in UNUSED
    ]


@pytest.fixture(autouse=True)
def gcp_key_file() -> Iterator[None]:
    path = Path("~/gcp.json").expanduser()
    path.write_text("{}")
    yield
    path.unlink()


def test_the_tables_here_have_all_backends() -> None:
    assert sorted(COMPUTE) == sorted(compute_backends())
    assert sorted(STORAGE) == sorted(storage_backends())


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize("backend", COMPUTE)
def test_a_compute_backend_gets_a_complete_config(backend: str) -> None:
    config = resolve_config(backend_config(backend), source=SOURCE)

    assert config["lithops"]["backend"] == backend
    assert config["lithops"]["storage"] == COMPUTE[backend][0]
    assert {"max_workers", "worker_processes"} <= config[backend].keys()
    assert config["lithops"].keys() >= {"mode", "monitoring", "monitoring_interval", "execution_timeout"}


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize("storage", STORAGE)
def test_a_storage_backend_gets_a_complete_config(storage: str) -> None:
    config = resolve_config(storage_config(storage), source=SOURCE)

    assert config["lithops"]["storage"] == storage
    for section, settings in STORAGE[storage].items():
        assert config[section].keys() >= settings.keys()


@pytest.mark.parametrize("library", ["libraries", "no_libraries"])
@pytest.mark.parametrize(
    ("backend", "section", "key"), without_each_key({name: sections for name, (_, sections) in COMPUTE.items()})
)
def test_a_compute_backend_without_a_required_key(
    backend: str, section: str, key: str, library: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("libraries" if backend == "singularity" else library)
    config = backend_config(backend)
    del config[section][key]
    with pytest.raises(ConfigurationError) as error:
        resolve_config(config, source=SOURCE)

    assert str(error.value).startswith(SOURCE)
    assert key in str(error.value) or f"'{section}' section is mandatory" in str(error.value)


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize(("storage", "section", "key"), without_each_key(STORAGE))
def test_a_storage_backend_without_a_required_key(storage: str, section: str, key: str) -> None:
    config = storage_config(storage)
    del config[section][key]
    with pytest.raises(ConfigurationError) as error:
        resolve_config(config, source=SOURCE)

    assert str(error.value).startswith(SOURCE)
    # Lithops makes the endpoint of ibm_cos from the region, and asks for the endpoint.
    key = "endpoint" if (storage, key) == ("ibm_cos", "region") else key
    assert key in str(error.value) or f"'{section}' section is mandatory" in str(error.value)


@pytest.mark.usefixtures("no_libraries")
def test_a_missing_library_and_a_missing_key_are_one_error() -> None:
    config = {**backend_config("aws_lambda"), "aws_lambda": {"runtime_memory": 512}}
    with pytest.raises(ConfigurationError, match=r'"execution_role" is mandatory .*; .* needs the module'):
        resolve_config(config, source=SOURCE)


@pytest.mark.usefixtures("libraries")
@pytest.mark.parametrize("backend", [name for name in COMPUTE if name != "ibm_vpc"])
def test_a_complete_config_stays_as_it_is(backend: str) -> None:
    from lithops.config import default_config

    # ibm_vpc makes its zone of the region, the second time of the endpoint.
    config = resolve_config(backend_config(backend))

    assert default_config(config_data=config) == config
