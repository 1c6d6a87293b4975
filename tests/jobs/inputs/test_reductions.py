"""Which phases the ways to reduce have, and what is refused."""

from __future__ import annotations

import pytest

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.inputs.reductions import TreeReduce
from tests.jobs.made import make_job


def test_few_results_are_reduced_at_once() -> None:
    mapped = make_job(items=60)

    assert TreeReduce(sum, fan_in=60).next_phase("map", mapped) == "reduce"
    assert TreeReduce(sum, fan_in=2).next_phase("map", None) == "reduce"


@pytest.mark.parametrize("fan_in", [1, 0, -3])
def test_a_fan_in_that_reduces_nothing_is_refused(fan_in: int) -> None:
    with pytest.raises(InvalidInputError, match=f"reduce_fan_in must be at least 2, got {fan_in}"):
        TreeReduce(sum, fan_in=fan_in)


@pytest.mark.parametrize(
    ("phase", "known"), [("map", True), ("reduce", True), ("reduce-3", True), ("call", False), ("reduce-x", False)]
)
def test_phases_of_a_tree(phase: str, known: bool) -> None:
    assert TreeReduce(sum, fan_in=2).has_phase(phase) is known
