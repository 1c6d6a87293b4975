"""How commands fail, and ask."""

from __future__ import annotations

import io
from argparse import Namespace

import pytest

from lithops_provider.cli import commands
from lithops_provider.cli.wrappers import confirm


def test_errors_are_a_line() -> None:
    with pytest.raises(SystemExit, match=r"^JOB must be an executor id"):
        commands.show_(Namespace(job="%", output="table", verbose=False))


@pytest.mark.parametrize(("answer", "goes_on"), [("y\n", True), ("Yes\n", True), ("\n", False), ("", False)])
def test_what_deletes_asks_first(monkeypatch: pytest.MonkeyPatch, answer: str, goes_on: bool) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    if goes_on:
        confirm(Namespace(yes=False), "Sure?")
    else:
        with pytest.raises(SystemExit, match="Nothing was done"):
            confirm(Namespace(yes=False), "Sure?")
