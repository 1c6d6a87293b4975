"""
What the functions behind ``airflow lithops ...`` have in common: how they begin, how they fail, and how they ask for
confirmation. commands.py and runtimes.py decorate their functions with it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from airflow.utils import cli as cli_utils
from airflow.utils.cli import suppress_logs_and_warning
from airflow.utils.providers_configuration_loader import providers_configuration_loaded

from lithops_provider.cli.output import plain_text
from lithops_provider.jobs.errors import LithopsJobError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    Command = Callable[[Namespace], None]


def command(function: Command) -> Command:
    """
    Decorates the function of a command: where its input or a backend is at fault, the command ends with one line
    instead of a traceback.

    :param function: the command's function
    """

    @functools.wraps(function)
    def run(args: Namespace) -> None:
        try:
            function(args)
        except LithopsJobError as error:
            raise SystemExit(plain_text(str(error))) from None

    wrapped: Command = suppress_logs_and_warning(providers_configuration_loaded(run))
    return wrapped


def noted(function: Command) -> Command:
    """
    Decorates the function of a command that changes something: Airflow notes in its audit log who ran it.

    :param function: the command's function
    """
    wrapped: Command = cli_utils.action_cli(function)
    return wrapped


def confirm(args: Namespace, question: str) -> None:
    """
    Asks the user for confirmation, and ends the command if it isn't given. With ``--yes``, nothing is asked.

    :param args: the command's arguments
    :param question: the question
    """
    if args.yes:
        return
    try:
        answer = input(f"{question} (y/N): ")
    except EOFError:  # nobody is there to answer
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise SystemExit("Nothing was done; --yes does it without asking.")
