from __future__ import annotations

import json
from typing import Any

import pytest

from lithops_provider.cli.output import show_fields, show_rows

NASTY = "[/red] \x1b]0;taken over\x07 [bold]"


def test_what_functions_say_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for output in ("table", "plain"):
        show_rows([{"index": 1, "failure": NASTY}], output)
        shown = capsys.readouterr().out
        assert "\x1b" not in shown
        assert "[/red] ]0;taken over [bold]" in shown


def test_numbers_stay_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    value: dict[str, Any] = {"index": 1, "seconds": 0.5, "left": None, "failure": NASTY}

    show_rows([value], "json")
    assert json.loads(capsys.readouterr().out) == [value]
    show_fields(value, "json")
    assert json.loads(capsys.readouterr().out) == value
    show_rows([{"index": 1, "seconds": 0.5}], "yaml")
    assert capsys.readouterr().out.split() == ["-", "index:", "1", "seconds:", "0.5"]


def test_times_and_fields_are_readable(capsys: pytest.CaptureFixture[str]) -> None:
    show_fields(
        {
            **{"created": 0.0, "counts": {"failed": 3}, "left": None, "rounds": [{"calls": 2}, {"calls": 1}]},
            "slowest": [[17, 0.5], [3, 0.25]],
        },
        "plain",
    )

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "property value", "created 1970-01-01T00:00:00+00:00", "counts failed 3", "left", "rounds calls 2; calls 1",
        "slowest 17 0.5; 3 0.25",
    ]  # fmt: skip


def test_a_long_list_of_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([], "table")
    assert capsys.readouterr().out.strip() == "No data found"


def test_numbers_have_their_units(capsys: pytest.CaptureFixture[str]) -> None:
    show_fields(
        {
            "rounds": [{"calls": 2, "submitted": 0.0}],
            "peak_memory": 52_000_000,
            "summary": {"wall_seconds": 3, "gb_seconds": 0.25},
            **{"rate": 12.5, "left": 4.0, "items": 7, "damaged": False},
        },
        "plain",
    )

    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()][1:]
    assert lines == [
        *("rounds calls 2, submitted 1970-01-01T00:00:00+00:00", "peak_memory 52.0 MB"),
        *(
            "summary wall_seconds 3 s, gb_seconds 0.25 GB-s",
            "rate 12.5 items/s",
            "left 4 s",
            "items 7",
            "damaged False",
        ),
    ]
