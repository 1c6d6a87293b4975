"""The values of a key, as functions get them."""

from __future__ import annotations

import pickle

import pytest

from lithops_provider.jobs.remote.reduce.values_of_key import Values


@pytest.fixture
def values() -> Values:
    """Three values, which come in two lists."""
    return Values(3, lambda: iter([[1, 2], [3]]))


def test_they_can_be_gone_over_again(values: Values) -> None:
    assert list(values) == list(values) == [1, 2, 3]
    assert list(values.chunks()) == [[1, 2], [3]]
    assert list(Values.of([4, 5])) == [4, 5]


def test_they_have_a_length_and_are_looked_through(values: Values) -> None:
    nan = float("nan")

    assert len(values) == 3
    assert (3 in values, 4 in values) == (True, False)
    assert nan in Values.of([nan])  # as in a list
    assert repr(values) == "<3 value(s) of a key>"


def test_what_needs_a_list_says_how_to_make_one(values: Values) -> None:
    with pytest.raises(TypeError, match=r"have no places: .* list\(values\)"):
        values[0]
    with pytest.raises(TypeError, match=r"return list\(values\)"):
        pickle.dumps(values)
