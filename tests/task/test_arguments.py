"""Values that come out of templates as text, and names of the original plugin."""

from __future__ import annotations

from lithops_provider.task.arguments import ALIASES
from tests.airflow.dags.seed_bad_rows import BAD


def test_every_alias_is_tried_beside_its_canonical_name() -> None:
    pairs = {(alias, name) for name, aliases in ALIASES.items() for alias in aliases}
    tried = {pair for pair in pairs if any(set(pair) <= set(bad.given) for bad in BAD.values())}
    assert tried == pairs
