"""How failures of items are described: as text that can be stored, whatever the exception is like."""

# ruff: noqa: T201 - functions print

from __future__ import annotations

import sys
from typing import Any

import pytest

from lithops_provider.jobs.remote.items import (
    MAX_MESSAGE,
    MAX_TRACEBACK,
    ItemTimeoutError,
    describe,
)
from tests.jobs.batches import BatchRunner
from tests.jobs.failures import BadTextError

#: A single item runs in the process of the call, several in a child of it.
EITHER_WAY = pytest.mark.parametrize("count", [1, 3])


def _caught(error: BaseException) -> dict[str, Any]:
    try:
        raise error
    except BaseException as caught:
        return describe(caught, skip_frames=0)


def test_an_exception_is_described_by_type_text_and_traceback() -> None:
    try:
        try:
            raise KeyError("cause")
        except KeyError as cause:
            raise ValueError("effect") from cause
    except ValueError as error:
        described = describe(error, skip_frames=0)

    assert (described["type"], described["message"]) == ("ValueError", "effect")
    assert "KeyError: 'cause'" in described["traceback"]
    assert "test_an_exception_is_described" in described["traceback"]


def test_an_exception_without_text_is_described() -> None:
    described = _caught(BadTextError())

    assert described["type"] == "BadTextError"
    assert "RuntimeError('no text')" in described["message"]


def test_an_exception_whose_text_raises_anything_is_described() -> None:
    class ExitsWhenShownError(Exception):
        def __str__(self) -> str:
            sys.exit("shown")

    assert "can't be shown" in _caught(ExitsWhenShownError())["message"]


def test_long_texts_are_cut() -> None:
    described = _caught(ValueError("x" * 1_000_000))

    assert len(described["message"]) <= MAX_MESSAGE
    assert len(described["traceback"]) <= MAX_TRACEBACK + 10


class ForeignError(Exception):
    """Its text, or what its text raises, is all that it shows."""

    def __init__(self, text: Any) -> None:
        super().__init__()
        self.text = text

    def __str__(self) -> str:
        if isinstance(self.text, BaseException):
            raise self.text
        return self.text  # type: ignore[no-any-return]

    __repr__ = __str__


@pytest.mark.parametrize("text", ["no file r-\udce9.csv", "a\0b", "\0" * 10**6, "x" * 5_000_000])
def test_what_is_described_can_be_stored(text: str) -> None:
    named = type("Named" + text.replace("\0", "-").replace("\udce9", "-"), (ForeignError,), {})

    for value in _caught(named(text)).values():
        assert "\0" not in value
        value.encode()
        assert len(value) <= MAX_TRACEBACK + 100
    assert len(_caught(named(text))["type"]) <= 200


def test_an_exception_that_raises_one_that_cannot_be_shown_either_is_described() -> None:
    assert "can't be shown: ForeignError" in _caught(ForeignError(ForeignError(ForeignError(1))))["message"]


@pytest.mark.parametrize("text", ["no file r-\udce9.csv", "NUL \0"])
@EITHER_WAY
def test_what_an_item_raises_and_prints_can_be_stored(batch: BatchRunner, text: str, count: int) -> None:
    def fail(x: int) -> None:
        print(text)
        raise ValueError(text)

    outcome = batch(fail, range(count)).outcomes[0]

    assert outcome.failure is not None
    for stored in (*outcome.failure.values(), outcome.output):
        assert "\0" not in stored
        stored.encode()
    assert outcome.failure["message"] in ("no file r-\\udce9.csv", "NUL \\x00")


def test_an_endless_recursion_is_described() -> None:
    def recurse() -> None:
        recurse()

    try:
        recurse()
    except RecursionError as error:
        described = describe(error, skip_frames=0)

    assert described["type"] == "RecursionError"
    assert len(described["traceback"]) <= MAX_TRACEBACK + 10


def test_our_timeout_is_called_a_timeout_error() -> None:
    described = _caught(ItemTimeoutError("too long"))

    assert described["type"] == "TimeoutError"
    assert "ItemTimeoutError" not in described["traceback"]
