"""
Has the functions of a job run with packages that it requires: in an environment on this machine, or with a layer on AWS
Lambda. A task that has ``requirements`` calls `use_requirements`, before it opens the backend.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from lithops_provider.jobs.adapter.runtimes.environments import find_or_make_environment
from lithops_provider.jobs.adapter.runtimes.layers import REQUIREMENTS, default_runtime, runtime_with
from lithops_provider.jobs.errors import InvalidInputError


def use_requirements(config: dict[str, Any], requirements: Sequence[str]) -> None:
    """
    Has functions run with requirements. On this machine they are installed now if they aren't yet; on AWS Lambda when
    the runtime is deployed.

    :param config: complete configuration, which is changed
    :param requirements: as `pip` takes them, such as "pandas==2.3.*"
    :raises InvalidInputError: functions run neither on localhost nor on AWS Lambda, or in a runtime of their own there
    :raises ConfigurationError: there is no `uv`
    :raises SubmitError: they could not be installed
    """
    backend = config["lithops"]["backend"]
    wanted = ", ".join(requirements)
    build = (
        f"Build one that has {wanted}: `airflow lithops runtimes build NAME -f FILE`, with a Dockerfile or a list of "
        f"requirements, depending on {backend}; then give runtime=NAME instead of requirements"
    )
    if backend not in ("localhost", "aws_lambda"):
        raise InvalidInputError(
            "requirements are installed on localhost, and for the default runtime of aws_lambda; these functions run "
            f"on {backend}, in a runtime that has its packages in it. {build}"
        )
    section = config[backend]
    runtime = section.get("runtime")
    if backend == "localhost":
        if runtime != sys.executable:
            raise InvalidInputError(
                f"requirements can't be installed into the runtime {runtime!r}; leave one of the two out, or install "
                f"{wanted} there"
            )
        section["runtime"] = str(find_or_make_environment(requirements))
    else:
        if runtime not in (None, "default", default_runtime()):
            raise InvalidInputError(
                f"requirements can't be installed into the runtime {runtime!r}; leave one of the two out. {build}"
            )
        section.update({"runtime": runtime_with(requirements), REQUIREMENTS: list(requirements)})
