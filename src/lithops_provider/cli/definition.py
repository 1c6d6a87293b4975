"""
Defines the commands and arguments of ``airflow lithops``. Every start of Airflow's command line imports this module, so
it must import nothing slow; commands.py and runtimes.py are only loaded when one of their commands runs.
"""

from __future__ import annotations

import argparse

from airflow.cli.cli_config import (
    ARG_OUTPUT,
    ARG_VERBOSE,
    ARG_YES,
    ActionCommand,
    Arg,
    CLICommand,
    GroupCommand,
    lazy_load_command,
    positive_int,
)

from lithops_provider.connection.settings import DEFAULT_CONN_ID

_JOB = Arg(("job",), metavar="JOB", help="Executor id of the job, or as much of its beginning as no other job has")
_INDEX = Arg(("index",), metavar="ITEM", help="Index of the item", type=positive_int(allow_zero=True))
_DAG = Arg(("-d", "--dag-id"), help="Only jobs of this DAG")
_OFFSET = Arg(("--offset",), help="How many to leave out", type=positive_int(allow_zero=True), default=0)
_STATE = Arg(
    ("--state",),
    help="Only items in this state; may be given several times",
    action="append",
    choices=("waiting", "running", "succeeded", "failed"),
)
_SEARCH = Arg(("--search",), help="Only items whose failure has this text in it, or whose index it is", default="")
_SORT = Arg(
    ("--sort",),
    help="What to sort by",
    choices=("index", "state", "attempts", "call", "started", "seconds", "peak_memory", "failure"),
    default="index",
)
_DESCENDING = Arg(("--descending",), help="The other way round", action="store_true")
_CLEANED = Arg(("job",), metavar="JOB", nargs="?", help="Executor id of the job, or its beginning")
_CONN_ID = Arg(("--conn-id",), help="With --older-than: the connection", default=DEFAULT_CONN_ID)


def _positive_days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of days above 0, got {text!r}")
    return days


_OLDER_THAN = Arg(
    ("--older-than",),
    metavar="DAYS",
    help="Instead of one job, all jobs in the bucket of a connection that were sent more than so many days ago",
    type=_positive_days,
)
_CACHE_CONN_ID = Arg(("--conn-id",), help="The connection whose bucket is meant", default=DEFAULT_CONN_ID)
_OLD_CACHE = Arg(
    ("--older-than",),
    metavar="DAYS",
    help="Only results that were made more than so many days ago",
    type=_positive_days,
    default=0.0,
)

_RUNTIME = Arg(("runtime",), metavar="RUNTIME", nargs="?", help="Its name; the configured one by default")
_OF_RUNTIME = Arg(("runtime",), metavar="RUNTIME", help="Its name")
_RUNTIME_CONN_ID = Arg(("--conn-id",), help="The connection of the backend", default=DEFAULT_CONN_ID)
_MEMORY = Arg(("--memory",), metavar="MB", help="Its memory", type=positive_int(allow_zero=False))
_TIMEOUT = Arg(("--timeout",), metavar="SECONDS", help="What a call has", type=positive_int(allow_zero=False))
_WAIT = Arg(
    ("--wait",),
    metavar="SECONDS",
    help="For the call to come back in",
    type=positive_int(allow_zero=False),
    default=300,
)
_LITHOPS_VERSION = Arg(("--lithops-version",), metavar="VERSION", help="Only those with this version of Lithops")
_FILE = Arg(("-f", "--file"), help="A Dockerfile or a list of requirements, depending on the backend")
_OPTION = Arg(
    ("--option",),
    metavar="TEXT",
    action="append",
    help="For what builds it; may be given several times, as --option=TEXT",
)


def get_lithops_cli_commands() -> list[CLICommand]:
    """Returns the commands, for Airflow."""
    jobs = [
        _command("list", "List the jobs of tasks, the last first", _DAG, _limit(25), _OFFSET, ARG_OUTPUT),
        _command("show", "Show how far a job is", _JOB, ARG_OUTPUT),
        _command(
            "items",
            "List the items of a job",
            _JOB,
            _STATE,
            _SEARCH,
            _SORT,
            _DESCENDING,
            _limit(50),
            _OFFSET,
            ARG_OUTPUT,
        ),
        _command("failures", "Show why items of a job failed, grouped by type and place", _JOB, ARG_OUTPUT),
        _command("logs", "Show an item's output and traceback, and the log of its call", _JOB, _INDEX, ARG_OUTPUT),
        _command("cancel", "Stop a job", _JOB, ARG_YES),
        _command("clean", "Delete the data of a job, or of old ones", _CLEANED, _OLDER_THAN, _CONN_ID, ARG_YES),
    ]
    cache = [
        _command("list", "List what is cached, the latest first", _CACHE_CONN_ID, ARG_OUTPUT, function="cache_list"),
        _command("clear", "Delete cached results", _OLD_CACHE, _CACHE_CONN_ID, ARG_YES, function="cache_clear"),
    ]
    executor = [
        _command(
            "status",
            "List the calls that run tasks, whichever scheduler has sent them",
            ARG_OUTPUT,
            function="executor_status",
        ),
    ]
    return [
        GroupCommand(
            name="lithops",
            help="Look after Lithops jobs",
            subcommands=(
                GroupCommand(name="jobs", help="Look after the jobs of tasks", subcommands=jobs),
                GroupCommand(
                    name="runtimes", help="Look after what functions run in on a backend", subcommands=_runtimes()
                ),
                GroupCommand(name="cache", help="Look after cached results", subcommands=cache),
                GroupCommand(name="executor", help="Look after the LithopsExecutor", subcommands=executor),
            ),
        )
    ]


def _runtimes() -> list[ActionCommand]:
    where = (_RUNTIME_CONN_ID, ARG_OUTPUT)
    return [
        _command("list", "List the runtimes that are deployed", _RUNTIME, *where, module="runtimes"),
        _command("show", "Show what a runtime has", _RUNTIME, _MEMORY, *where, module="runtimes"),
        _command("build", "Build a runtime here", _OF_RUNTIME, _FILE, _OPTION, _RUNTIME_CONN_ID, module="runtimes"),
        _command("deploy", "Deploy a runtime", _RUNTIME, _MEMORY, _TIMEOUT, _RUNTIME_CONN_ID, module="runtimes"),
        _command(
            "delete",
            "Delete a runtime that is deployed",
            _OF_RUNTIME,
            _MEMORY,
            _LITHOPS_VERSION,
            _RUNTIME_CONN_ID,
            ARG_YES,
            module="runtimes",
        ),
        _command(
            "check", "Run a function that says what there is", _RUNTIME, _MEMORY, _WAIT, *where, module="runtimes"
        ),
    ]


def _limit(default: int) -> Arg:
    text = f"How many at most (default: {default})"
    return Arg(("--limit",), help=text, type=positive_int(allow_zero=False), default=default)


def _command(
    name: str, text: str, *arguments: Arg, function: str | None = None, module: str = "commands"
) -> ActionCommand:
    loaded = lazy_load_command(f"lithops_provider.cli.{module}.{function or name}_")
    return ActionCommand(name=name, help=text, func=loaded, args=(*arguments, ARG_VERBOSE))
