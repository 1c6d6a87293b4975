"""What a job is to do: its options, and digests by which a later try recognises it."""

from __future__ import annotations

from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.remote.frames import PICKLED, ItemBlocks, pack_block
from lithops_provider.jobs.submit import spec as spec_module
from lithops_provider.jobs.submit.pickle_reader import UndigestibleError
from lithops_provider.jobs.submit.spec import Options, make_spec, same_items


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"batch_size": 0}, "batch_size must be"),
        ({"batch_size": "many"}, "batch_size must be"),
        ({"timeout": 0}, "timeout must be a positive number of seconds, got 0"),
        ({"timeout": -1}, "timeout must be a positive number of seconds"),
        ({"timeout": True}, "timeout must be a positive number of seconds"),
        ({"timeout": "5"}, "timeout must be a positive number of seconds"),
        ({"runtime_memory": 0}, "runtime_memory must be a positive number of MB, got 0"),
    ],
)
def test_wrong_options_are_errors_before_anything_is_sent(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        make_spec("map", *bind_items(abs, [1]), Options(**options))


def test_what_cannot_be_told_is_said_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def undigestible(blob: bytes) -> str:
        raise UndigestibleError("no")

    monkeypatch.setattr(spec_module, "digest_pickle", undigestible)

    def scale(x: int, y: int) -> int:
        return x * y

    spec = make_spec("map", *bind_items(scale, [1], {"y": 1}))

    assert spec.digests == spec.digests
    assert [record.getMessage() for record in caplog.records] == [
        "Whether scale, or what it shares among its items, have changed can be told by their bytes only: no; no"
    ]


def stored(blob: bytes) -> ItemBlocks:
    return ItemBlocks([pack_block(PICKLED, [blob])])


def test_items_that_cannot_be_told_apart_are_taken_for_others(caplog: pytest.LogCaptureFixture) -> None:
    assert same_items(stored(b"same, but no pickle"), stored(b"same, but no pickle"))
    assert not same_items(stored(b"no pickle"), stored(b"no pickle, either"))
    assert caplog.text.count("can't be told") == 1
