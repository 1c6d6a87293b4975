from __future__ import annotations

import pytest
from airflow.cli.cli_parser import get_parser
from airflow.providers_manager import ProvidersManager

from lithops_provider.cli import commands, runtimes
from lithops_provider.cli.definition import get_lithops_cli_commands
from tests.airflow_version import needs_airflow
from tests.fresh import run_after_airflow

FOUND = needs_airflow("3.2", "commands of providers")


@FOUND
@pytest.mark.parametrize(
    "line",
    ["list --limit 3", "show ab", "items ab --state failed", "logs ab 0", "cancel ab -y", "clean --older-than 2"],
)
def test_airflow_parses_the_commands(line: str) -> None:
    args = get_parser().parse_args(["lithops", "jobs", *line.split()])

    assert callable(getattr(commands, args.func.__name__))


@FOUND
@pytest.mark.parametrize(
    "line",
    [
        "list",
        "show an-image --memory 512",
        "build an-image -f Dockerfile --option=--no-cache",
        "deploy --timeout 60",
        "delete an-image -y",
        "check --conn-id elsewhere --wait 20",
    ],
)
def test_airflow_parses_the_commands_for_runtimes(line: str) -> None:
    args = get_parser().parse_args(["lithops", "runtimes", *line.split()])

    assert callable(getattr(runtimes, args.func.__name__))


@FOUND
def test_airflow_parses_that_of_the_executor() -> None:
    args = get_parser().parse_args(["lithops", "executor", "status", "--output", "json"])

    assert args.func.__name__ == "executor_status_"
    assert callable(commands.executor_status_)


@FOUND
@pytest.mark.parametrize("days", ["-1", "0", "two", "inf", "nan"])
def test_days_are_positive(capsys: pytest.CaptureFixture[str], days: str) -> None:
    with pytest.raises(SystemExit):
        get_parser().parse_args(["lithops", "jobs", "clean", "--older-than", days])
    assert f"must be a number of days above 0, got '{days}'" in " ".join(capsys.readouterr().err.split())


@FOUND
def test_airflow_finds_them() -> None:
    assert get_lithops_cli_commands in ProvidersManager().cli_command_functions


def test_defining_them_imports_nothing_heavy() -> None:
    code = (
        "import sys; from lithops_provider.cli.definition import get_lithops_cli_commands as get; get();"
        "print(sorted({'lithops', 'cloudpickle', 'lithops_provider.ui', 'lithops_provider.hooks'} & set(sys.modules)))"
    )
    assert run_after_airflow(code).splitlines()[-1] == "[]"
