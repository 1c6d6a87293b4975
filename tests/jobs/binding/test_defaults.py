"""Values for parameters that nobody gives."""

from __future__ import annotations

from typing import Any

import pytest

from lithops_provider.jobs.binding.defaults import WithDefaults
from tests.jobs.batches import BatchRunner


@pytest.mark.parametrize("items", [[1], [1, 2]])
def test_values_that_nobody_gives_arrive_in_a_call(batch: BatchRunner, items: list[int]) -> None:
    """Also where a function takes nothing else that is filled in."""

    def on_day(x: int, ds: str, *, run_id: str = "") -> list[Any]:
        return [x, ds, run_id]

    done = batch(WithDefaults(on_day, {"ds": "2024-02-29", "run_id": "manual"}), items)

    assert done.results() == {index: [x, "2024-02-29", "manual"] for index, x in enumerate(items)}
