"""
Prints rows and texts for commands.py. It removes control characters, since texts that come from users' functions must
not be able to steer the terminal.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow.cli.simple_table import AirflowConsole
from rich.markup import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Control characters but the tab and the end of a line.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

#: Names of fields that are seconds since the epoch, or bytes; and the units of others, by the ends of their names.
_TIMES = frozenset({"started", "created", "submitted"})
_BYTES = frozenset({"peak_memory", "worker_peak_memory_end"})
_UNITS = {"gb_seconds": " GB-s", "seconds": " s", "_exec_time": " s", "left": " s", "rate": " items/s"}


def show_rows(rows: Sequence[dict[str, Any]], output: str) -> None:
    """
    Prints rows.

    :param rows: the rows, all with the same columns
    :param output: ``table``, ``plain``, or ``json`` or ``yaml``, which keep numbers as numbers
    """
    console = AirflowConsole()
    if output in ("json", "yaml"):
        _show_data(console, rows, output)
        return
    text = escape if output == "table" else str
    cells = [{name: text(_cell(name, value)) for name, value in row.items()} for row in rows]
    console.print_as(cells, output)


def show_fields(fields: dict[str, Any], output: str) -> None:
    """
    Prints the fields of one thing; in a table, each has a line.

    :param fields: values by names
    :param output: see `show_rows`
    """
    if output in ("json", "yaml"):
        _show_data(AirflowConsole(), fields, output)
    else:
        show_rows([{"property": name, "value": _cell(name, value)} for name, value in fields.items()], output)


def plain_text(text: str) -> str:
    """Returns a text without the control characters that would steer a terminal."""
    return _CONTROL.sub("", text)


def _show_data(console: AirflowConsole, data: Any, output: str) -> None:
    (console.print_as_json if output == "json" else console.print_as_yaml)(data)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_cell(key, entry)}" for key, entry in value.items())
    if isinstance(value, list):
        if any(isinstance(entry, list) for entry in value):  # pairs
            return "; ".join(" ".join(_cell(name, one) for one in entry) for entry in value)
        return "; ".join(_cell(name, entry) for entry in value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number(name, value)
    return plain_text(str(value))


def _number(name: str, value: float) -> str:
    """Returns a number with the unit that the name of its field tells."""
    if name in _TIMES:
        return datetime.fromtimestamp(value, timezone.utc).isoformat(timespec="seconds")
    if name in _BYTES:
        return f"{value / 1e6:.1f} MB"
    unit = next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")
    return f"{value:.6g}{unit}" if isinstance(value, float) or unit else str(value)
