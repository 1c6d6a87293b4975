from __future__ import annotations

from typing import Any

import pytest

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.outputs.manifest import common_columns, replaced, rewritten_items


def written(number: int, **columns: str) -> dict[str, Any]:
    known = {name: (kind, f"schema of {kind}") for name, kind in columns.items()}
    return {"files": [{"name": f"part-{number:05d}", "rows": 1, "bytes": 1}], "columns": known}


NOTHING: dict[str, Any] = {"files": [], "columns": None}


def types(*files: dict[str, Any]) -> dict[str, str]:
    return {name: kind for name, (kind, _) in common_columns(files).items()}


def test_a_column_has_the_type_that_holds_all() -> None:
    assert types(written(0, a="int64"), NOTHING, written(2, a="int64", b="string")) == {"a": "int64", "b": "string"}
    assert types(written(0, a="null"), written(1, a="string")) == {"a": "string"}
    assert types(written(0, a="int64"), written(1, a="double"), written(2, a="null")) == {"a": "double"}
    assert types(written(0, a="null"), written(1, a="null")) == {"a": "null"}
    assert types(written(0, a="list<item: null>"), written(1, a="list<item: string>")) == {"a": "list<item: string>"}
    assert types(written(0, a="null"), written(1, a="list<item: null>")) == {"a": "list<item: null>"}


@pytest.mark.parametrize(
    ("kinds", "wider"),
    [(("(3, 2)", "(5, 3)"), "(5, 3)"), (("(5, 0)", "(3, 3)"), "(8, 3)"), (("(38, 0)", "(38, 0)"), "(38, 0)")],
)
def test_decimals_are_as_long_as_those_of_all_files(kinds: tuple[str, str], wider: str) -> None:
    files = [written(number, a=f"decimal128{kind}") for number, kind in enumerate(kinds)]

    assert types(*files) == {"a": f"decimal128{wider}"}


def test_types_that_nothing_holds_are_an_error_that_names_the_files() -> None:
    with pytest.raises(InvalidInputError, match="'a' is int64 in part-00000 and string in part-00001"):
        types(written(0, a="int64"), written(1, a="string"), written(2, a="string"))
    with pytest.raises(InvalidInputError, match=r"decimal128\(38, 0\) in part-00000 and decimal128\(38, 38\)"):
        types(written(0, a="decimal128(38, 0)"), written(1, a="decimal128(38, 38)"))


def test_files_with_other_columns_are_written_anew() -> None:
    files = [written(0, a="int64", b="string"), NOTHING, written(2, a="null", b="string"), written(3, a="int64")]
    items: list[Any] = [((), {"spec": {"key": number, "types": None}}, {}) for number in range(4)]

    again = rewritten_items(items, files, common_columns(files))

    assert [kwargs["spec"]["key"] for _, kwargs, _ in again] == [2, 3]
    assert again[0][1]["spec"]["types"] == {"a": "schema of int64", "b": "schema of string"}
    assert rewritten_items(items[:2], files[:2], common_columns(files[:2])) == []
    assert rewritten_items(items[:1], [{"files": [{"name": "x"}], "columns": None}], {}) == []


def test_what_was_written_anew_takes_its_files_place() -> None:
    files = [written(0, a="int64"), NOTHING, written(2, a="null")]

    assert replaced(files, [written(2, a="int64")]) == [files[0], NOTHING, written(2, a="int64")]
