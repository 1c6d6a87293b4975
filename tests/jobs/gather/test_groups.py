from __future__ import annotations

import asyncio
import traceback

import pytest

from lithops_provider.jobs.gather.groups import FailedItem, group_failures, groups_text, place_of, succeeded_text


def fails(index: int, kind: str = "E", place: str = "f.py:1") -> FailedItem:
    return FailedItem(index, kind, place, f"message {index}")


def test_what_differs_in_type_or_place_is_another_group() -> None:
    groups = group_failures([fails(0), fails(1, "F"), fails(2, place="f.py:2"), fails(3), fails(4), fails(5, "F")])

    assert [(group.type, group.place, group.count, list(group.items)) for group in groups] == [
        ("E", "f.py:1", 3, [0, 3, 4]),
        ("F", "f.py:1", 2, [1, 5]),
        ("E", "f.py:2", 1, [2]),
    ]
    assert groups[0].message == "message 0"


def test_a_group_counts_more_items_than_it_names() -> None:
    (group,) = group_failures(fails(index) for index in range(10_000))

    assert (group.count, len(group.items)) == (10_000, 20)
    assert group.named() == "items 0, 1, 2, 3, 4 and 9995 more"


def test_only_the_largest_groups_are_shown() -> None:
    lines = groups_text(group_failures(fails(index, place=f"f.py:{index % 8}") for index in range(17)))

    assert lines[:2] == ["  E x 3 at f.py:0: items 0, 8, 16", "    item 0: message 0"]
    assert (len(lines), lines[-1]) == (11, "  ... and 6 more of 3 other kind(s)")


def raised(how: str) -> str:
    """Returns the traceback of an exception that is raised in this file."""
    try:
        _raise(how)
    except BaseException:
        return traceback.format_exc()
    raise AssertionError("nothing was raised")


def _raise(how: str) -> None:
    if how == "chained":
        try:
            int("x")
        except ValueError as error:
            raise KeyError("y") from error
    elif how == "message":
        raise ValueError('File "elsewhere.py", line 1, in g')
    elif how == "in the library":
        asyncio.run(None)  # type: ignore[arg-type]
    raise ValueError


@pytest.mark.parametrize(
    ("how", "file"),
    [("plain", __file__), ("chained", __file__), ("message", __file__), ("in the library", "runners.py")],
)
def test_the_place_is_the_last_frame(how: str, file: str) -> None:
    path, line, rest = place_of(raised(how)).replace(" in ", ":").rsplit(":", 2)

    assert path.endswith(file)
    assert line.isdecimal()
    assert rest == ("run" if how == "in the library" else "_raise")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", ""),
        ("ValueError: no", ""),
        ('  File "x.py", line 3\n    code\nSyntaxError: no', "x.py:3"),
        ('  File "cut', ""),
        ('  File "x.py", line many, in f', ""),
        ('Fatal Python error: Segmentation fault\n\nCurrent thread:\n  File "x.py", line 3 in f', ""),
        ('  + Exception Group Traceback:\n  |   File "x.py", line 3, in f\n  | ExceptionGroup: no', "x.py:3 in f"),
        ('  File "' + "x" * 100_000 + '", line 3, in f', "x" * 293 + ":3 in f"),
    ],
)
def test_the_place_of_other_texts(text: str, place: str) -> None:
    assert place_of(text) == place


@pytest.mark.parametrize(
    ("succeeded", "total", "needed", "text"),
    [
        (390, 400, 0.99, "390 of 400 succeeded (97.5 %), 99 % were needed"),
        (400, 400, 1.0, "400 of 400 succeeded (100 %), 100 % were needed"),
        (0, 3, 0.5, "0 of 3 succeeded (0 %), 50 % were needed"),
        (999_999, 1_000_000, 1.0, "999999 of 1000000 succeeded (99.9999 %), 100 % were needed"),
        (1, 1_000_000, 0.999, "1 of 1000000 succeeded (0.0001 %), 99.9 % were needed"),
        (3, 3, 0.999_999_99, "3 of 3 succeeded (100 %), 99.999999 % were needed"),
        (3, 3, 1e-9, "3 of 3 succeeded (100 %), 0.0000001 % were needed"),
        (1, 10_000_000, None, "1 of 10000000 succeeded (0.00001 %)"),
        (2, 3, None, "2 of 3 succeeded (66.7 %)"),
    ],
)
def test_how_many_succeeded_and_had_to(succeeded: int, total: int, needed: float | None, text: str) -> None:
    assert succeeded_text(succeeded, total, needed) == text
