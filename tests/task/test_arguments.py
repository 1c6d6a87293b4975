"""Values that come out of templates as text, and names of the original plugin."""

from __future__ import annotations

from typing import Any

import pytest

from lithops_provider.task.arguments import ALIASES, module_names
from tests.airflow.dags.seed_bad_rows import BAD


def test_every_alias_is_tried_beside_its_canonical_name() -> None:
    pairs = {(alias, name) for name, aliases in ALIASES.items() for alias in aliases}
    tried = {pair for pair in pairs if any(set(pair) <= set(bad.given) for bad in BAD.values())}
    assert tried == pairs


@pytest.mark.parametrize(("given", "read"), [(None, None), ([], []), (("json", "csv"), ["json", "csv"])], ids=str)
def test_no_modules_and_none_to_choose_from_are_not_the_same(given: Any, read: list[str] | None) -> None:
    assert module_names("include_modules", given) == read
