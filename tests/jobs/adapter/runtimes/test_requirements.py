"""Where functions that require packages run, and where that is an error."""

from __future__ import annotations

from typing import Any

import pytest

from lithops_provider.jobs.adapter.runtimes.layers import default_runtime, runtime_with
from lithops_provider.jobs.adapter.runtimes.requirements import use_requirements
from lithops_provider.jobs.errors import InvalidInputError


def config_of(backend: str, **section: Any) -> dict[str, Any]:
    return {"lithops": {"backend": backend}, backend: section}


def test_backends_that_have_runtimes_of_their_own_are_an_error_that_says_what_to_do() -> None:
    with pytest.raises(InvalidInputError, match=r"these functions run on k8s.*has pandas, .*runtimes build NAME"):
        use_requirements(config_of("k8s", runtime="an-image"), ["pandas", "shapely"])


@pytest.mark.parametrize("backend", ["localhost", "aws_lambda"])
def test_a_runtime_of_its_own_is_an_error(backend: str) -> None:
    with pytest.raises(InvalidInputError, match="requirements can't be installed into the runtime 'an-image'"):
        use_requirements(config_of(backend, runtime="an-image"), ["pandas"])


@pytest.mark.parametrize("section", [{}, {"runtime": "default"}, {"runtime": default_runtime()}])
def test_the_default_runtime_of_aws_lambda_gets_a_layer(section: dict[str, Any]) -> None:
    config = config_of("aws_lambda", region="eu-west-1", **section)
    use_requirements(config, ("pandas", "shapely"))

    runtime = runtime_with(["shapely", "pandas"])  # their order doesn't matter
    assert config["aws_lambda"] == {
        "region": "eu-west-1",
        "runtime": runtime,
        "requirements": ["pandas", "shapely"],
    }
    assert runtime.startswith(default_runtime())
    assert runtime != runtime_with(["pandas"])
