from __future__ import annotations

from array import array
from typing import Any

import pytest

from lithops_provider.jobs.remote.parts import Header, PartBuilder, decode_header
from lithops_provider.jobs.view.item_table import RUNNING, STATES, WAITING, ItemTable, Part, shorten


def part(
    number: int, call: int, items: list[tuple[int, float]], failed: dict[int, str] | None = None, first: int = 0
) -> Part:
    """A part of `items`, each with its seconds; `failed` has the messages of those that failed."""
    failures: dict[int, dict[str, Any]] = {
        index: {"type": "ValueError", "message": message, "traceback": "long"}
        for index, message in (failed or {}).items()
    }
    indices = [index for index, _ in items]
    header = Header(
        array("q", indices),
        array("d", [1000.0 + index for index in indices]),
        array("d", [seconds for _, seconds in items]),
        array("q", [index << 20 for index in indices]),
        array("q", [10] * len(indices)),
        0,
        failures,
        {},
    )
    return Part.of(number, call, f"job-M{number:03d}/{call:05d}/{first:08d}.part", header)


@pytest.fixture
def table() -> ItemTable:
    """Six items: 0 and 1 succeeded, 2 failed twice, 3 failed and then succeeded, 4 waits, 5 runs."""
    table = ItemTable(
        6,
        [
            part(1, 0, [(2, 0.5), (3, 0.1)], {2: "still bad"}),
            part(0, 0, [(0, 3.0), (1, 1.0)]),
            part(0, 1, [(2, 2.0), (3, 2.0)], {2: "bad", 3: "bad luck"}),
        ],
    )
    table.mark(5, RUNNING, 0, 2)
    table.mark(4, WAITING, 0, 2)
    return table


def test_states_attempts_and_failures(table: ItemTable) -> None:
    rows = [table.row(index) for index in range(6)]

    assert [row["state"] for row in rows] == ["succeeded", "succeeded", "failed", "succeeded", "waiting", "running"]
    assert [row["attempts"] for row in rows] == [1, 1, 2, 2, 0, 0]
    assert [(row["round"], row["call"]) for row in rows] == [(0, 0), (0, 0), (1, 0), (1, 0), (0, 2), (0, 2)]
    assert [row["failure"] for row in rows] == ["", "", "ValueError: still bad", "", "", ""]
    assert [row["seconds"] for row in rows] == [3.0, 1.0, 0.5, 0.1, None, None]
    assert table.counts() == {"waiting": 1, "running": 1, "succeeded": 3, "failed": 1}


def test_a_success_counts_whatever_comes_later() -> None:
    table = ItemTable(1, [part(0, 0, [(0, 1.0)]), part(1, 0, [(0, 2.0)], {0: "late"})])
    table.mark(0, RUNNING, 1, 0)

    assert table.row(0)["state"] == "succeeded"
    assert table.row(0)["seconds"] == 1.0


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"descending": True}, [5, 4, 3, 2, 1, 0]),
        ({"sort": "seconds", "descending": True}, [0, 1, 2, 3, 4, 5]),
        ({"sort": "state"}, [4, 5, 0, 1, 3, 2]),
        ({"sort": "attempts", "descending": True}, [2, 3, 0, 1, 4, 5]),
        ({"sort": "call"}, [0, 1, 4, 5, 2, 3]),
        ({"sort": "peak_memory", "descending": True}, [3, 2, 1, 0, 4, 5]),
        ({"sort": "failure", "descending": True}, [2, 0, 1, 3, 4, 5]),
        ({"states": ["failed", "running"]}, [2, 5]),
        ({"search": "STILL"}, [2]),
        ({"search": "4"}, [4]),
        ({"search": "9"}, []),
        ({"search": "no such"}, []),
        ({"search": "still", "states": ["succeeded"]}, []),
    ],
    ids=str,
)
def test_select(table: ItemTable, query: dict[str, Any], expected: list[int]) -> None:
    assert list(table.select(**query)) == expected
    assert list(table.select(**query)) == expected  # the second time it is remembered


def test_the_orders_of_a_few_queries_are_remembered_not_those_of_all(table: ItemTable) -> None:
    for number in range(100):
        assert list(table.select(search="still", states=["failed"] * (number + 1))) == [2]

    assert len(table._orders) < 10


def test_what_a_function_has_made_up_of_other_items_is_left_out() -> None:
    builder = PartBuilder()
    builder.add_success(0, 1000.0, 0.5, 1 << 20, b"result")
    made_up = decode_header(builder.encode())
    for index in (1, 5, -1):
        made_up.failures[index] = {"type": "ValueError", "message": "made up", "traceback": ""}
    nothing = decode_header(PartBuilder().encode())

    table = ItemTable(2, [Part.of(0, 0, "key", made_up), Part.of(0, 1, "another", nothing)])

    assert table.counts() == {"waiting": 1, "running": 0, "succeeded": 1, "failed": 0}
    assert table.failures == {}


def test_a_failure_is_kept_as_one_short_line_with_its_type_and_place() -> None:
    trace = 'Traceback (most recent call last):\n  File "/f.py", line 3, in f\nValueError: a'
    short = shorten({"type": "ValueError", "message": "a\nb   c" + "x" * 1000, "traceback": trace})

    assert short.text.startswith("ValueError: a b c")
    assert len(short.text) == 300
    assert (short.type, short.place) == ("ValueError", "/f.py:3 in f")


def test_failures_are_grouped_as_long_as_they_are_the_last_word(table: ItemTable) -> None:
    (group,) = table.groups()

    assert (group.title(), list(group.items), group.message) == ("ValueError x 1", [2], "ValueError: still bad")


def test_states_are_named_in_their_order() -> None:
    assert STATES == ("waiting", "running", "succeeded", "failed")


def test_items_that_follow_each_other_are_taken_in_at_once_and_others_one_by_one() -> None:
    parts = [
        part(0, 0, [(0, 1.0), (1, 2.0), (2, 3.0)], {1: "bad"}),
        part(0, 1, [(5, 1.0), (3, 2.0)], {3: "worse"}),  # in no order
        part(1, 0, [(1, 4.0), (2, 5.0)], {2: "late"}),  # known already
    ]
    table = ItemTable(7, parts)

    rows = [table.row(index) for index in range(7)]
    assert [row["state"] for row in rows] == [
        *("succeeded", "succeeded", "succeeded", "failed", "waiting", "succeeded", "waiting"),
    ]
    assert [row["seconds"] for row in rows] == [1.0, 4.0, 3.0, 2.0, None, 1.0, None]
    assert [row["attempts"] for row in rows] == [1, 2, 2, 1, 0, 1, 0]
    assert [(row["round"], row["call"]) for row in rows[:4]] == [(0, 0), (1, 0), (0, 0), (0, 1)]
    assert [row["failure"] for row in rows] == ["", "", "", "ValueError: worse", "", "", ""]


@pytest.mark.parametrize(("indices", "at_once"), [([2, 3, 4], True), ([2, 4], False)])
def test_a_part_as_calls_write_it_is_taken_in_by_columns_if_its_items_follow_each_other(
    indices: list[int], at_once: bool
) -> None:
    """Else the table of a million items takes a second at each look."""
    builder = PartBuilder()
    for index in indices[:-1]:
        builder.add_success(index, 1000.0, 0.5, 1 << 20, b"result")
    builder.add_failure(indices[-1], 1000.5, 0.25, 1 << 20, {"type": "ValueError", "message": "bad", "traceback": ""})
    stored = Part.of(0, 1, "key", decode_header(builder.encode()))
    table = ItemTable(5, [])

    assert table._take_at_once(stored) == at_once
    rows = [ItemTable(5, [stored]).row(index) for index in indices]
    assert [row["state"] for row in rows] == ["succeeded"] * (len(indices) - 1) + ["failed"]
    assert [(row["started"], row["seconds"]) for row in rows[-2:]] == [(1000.0, 0.5), (1000.5, 0.25)]
    assert {(row["round"], row["call"], row["attempts"], row["peak_memory"]) for row in rows} == {(0, 1, 1, 1 << 20)}
