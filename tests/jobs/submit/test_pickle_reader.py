"""What a pickle would build is read, and nothing of it is called or imported."""

from __future__ import annotations

import pickle
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


@pytest.mark.parametrize("blob", [b"", b"no pickle", pickle.dumps([1, {2}])[:-4]])
def test_what_is_no_pickle_is_an_error(blob: bytes) -> None:
    with pytest.raises(UndigestibleError):
        digest_pickle(blob)
