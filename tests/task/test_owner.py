"""How a try is named as the owner of its jobs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lithops_provider.task.owner import is_try_of, owner_of


@pytest.mark.parametrize("owner", ["", "5", "null", "{}", "[]", "[[]]", "not json", '"dag"'])
def test_what_is_no_owner_is_nobody(owner: str) -> None:
    assert not is_try_of(owner, instance())


def instance(**changed: Any) -> Any:
    names = {"dag_id": "dag", "run_id": "run", "task_id": "group.task", "map_index": 3, "id": "id-1", "try_number": 1}
    return SimpleNamespace(**{**names, **changed})


def test_tries_have_names_of_their_own_and_are_the_same_tasks() -> None:
    first, second = owner_of(instance()), owner_of(instance(id="id-2", try_number=2))

    assert first == owner_of(instance())
    assert first != second
    assert is_try_of(first, instance())
    assert is_try_of(second, instance())


@pytest.mark.parametrize("name", ["dag_id", "run_id", "task_id", "map_index"])
def test_another_task_is_told(name: str) -> None:
    assert not is_try_of(owner_of(instance()), instance(**{name: 4 if name == "map_index" else "other"}))


def test_a_task_that_is_not_mapped_has_no_index_or_that_of_airflows_database() -> None:
    assert owner_of(instance(map_index=None)) == owner_of(instance(map_index=-1))
