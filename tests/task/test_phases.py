"""What kind of job each phase has."""

from __future__ import annotations

import pytest

from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapOperator, LithopsMapReduceOperator
from lithops_provider.operators.files import FILE_PHASES
from lithops_provider.task.phases import kind_of


@pytest.mark.parametrize(
    ("phases", "kinds"),
    [
        (LithopsCallAsyncOperator.phases, ["call"]),
        (LithopsMapOperator.phases, ["map"]),
        (LithopsMapReduceOperator.phases, ["map", "reduce"]),
        (FILE_PHASES, ["write", "write"]),
        (("reduce-1", "shuffle"), ["reduce", "reduce"]),
    ],
)
def test_each_phase_of_an_operator_has_its_kind(phases: tuple[str, ...], kinds: list[str]) -> None:
    assert [kind_of(phase) for phase in phases] == kinds
