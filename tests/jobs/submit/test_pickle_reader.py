"""What a pickle would build is read, and nothing of it is called or imported."""

from __future__ import annotations

import copyreg
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from lithops_provider.jobs.submit.digest import digest_pickle
from lithops_provider.jobs.submit.pickle_reader import UndigestibleError


class Dangerous:
    def __reduce__(self) -> Any:
        return pytest.fail, ("it was called",)


def test_nothing_that_a_pickle_names_is_called_or_imported() -> None:
    assert digest_pickle(pickle.dumps(Dangerous()))
    assert digest_pickle(b"cno_such_module\nthing\n.")


class Rows(list[Any]):
    """Its pickle appends the entries to what it has called."""


class Point(tuple[int, ...]):
    """Its pickle has the arguments of ``__new__``, some of them with names."""

    def __new__(cls, *coordinates: int, unit: str) -> Point:
        point = super().__new__(cls, coordinates)
        point.unit = unit
        return point

    def __getnewargs_ex__(self) -> tuple[tuple[int, ...], dict[str, str]]:
        return tuple(self), {"unit": self.unit}

    unit: str


def endless(value: Any) -> tuple[Any, ...]:
    """A tuple that holds itself: its pickle drops what it has read, for the tuple that it then knows."""
    inner: list[Any] = [value]
    outer = (inner,)
    inner.append(outer)
    return outer


@pytest.mark.parametrize(
    "different",
    [
        [Rows([1]), Rows([2]), Rows([1, 2]), Rows([2, 1]), [1]],
        [Point(1, unit="m"), Point(2, unit="m"), Point(1, unit="s")],
        [endless(Rows([1])), endless(Rows([2]))],
    ],
    ids=["appends", "__new__ with names", "holds itself"],
)
def test_what_is_built_is_told_apart_by_all_that_goes_into_it(different: list[Any]) -> None:
    digests = [digest_pickle(pickle.dumps(value)) for value in different]

    assert len(set(digests)) == len(digests)
    assert digests == [digest_pickle(pickle.dumps(value)) for value in pickle.loads(pickle.dumps(different))]


@pytest.mark.parametrize(
    "blob",
    [b"(l(l\x85R.", b"cno_such_module\nthing\n(lR.", b"cno_such_module\nthing\n(I1\ntR0N."],
    ids=["calls a list", "calls with a list", "calls for the sake of it"],
)
def test_a_pickle_that_nobody_would_write_has_a_digest(blob: bytes) -> None:
    assert len(digest_pickle(blob)) == 32


@pytest.fixture
def _extension() -> Iterator[None]:
    copyreg.add_extension(__name__, Rows.__name__, 240)
    yield
    copyreg.remove_extension(__name__, Rows.__name__, 240)


@pytest.mark.usefixtures("_extension")
def test_a_number_that_only_this_process_can_explain_is_refused() -> None:
    with pytest.raises(UndigestibleError, match="extension 240"):
        digest_pickle(pickle.dumps(Rows))


@pytest.mark.parametrize("blob", [b"", b"no pickle", pickle.dumps([1, {2}])[:-4]])
def test_what_is_no_pickle_is_an_error(blob: bytes) -> None:
    with pytest.raises(UndigestibleError):
        digest_pickle(blob)
