from __future__ import annotations

import json
import pickle
import signal
import sys
from types import ModuleType
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.gather.failures import (
    Failure,
    describe_item,
    failure_message,
    load_results,
    make_failure,
    too_many,
)
from lithops_provider.jobs.remote.frames import PICKLED, ItemBlocks, pack_block
from lithops_provider.jobs.remote.outcomes import Outcome
from lithops_provider.jobs.submit.items import dump_items
from tests.jobs.failures import BreaksWhenLoaded, ExitsWhenLoaded


def succeeded(index: int, value: Any) -> Outcome:
    return Outcome(index, memoryview(pickle.dumps(value)), None, 1.0, 1.0, 1, "")


def failed(index: int, **failure: str) -> Outcome:
    return Outcome(index, None, failure, 1.0, 1.0, 1, "")


def failure(index: int, traceback: str = "", kind: str = "ValueError") -> Failure:
    return Failure(index, f"x={index}", kind, f"no {index}", traceback)


def frame(line: int) -> str:
    return f'Traceback (most recent call last):\n  File "/dags/a.py", line {line}, in add\n    x\nValueError: no'


def items(*given: Any) -> ItemBlocks:
    return dump_items(*bind_items(lambda *args, **kwargs: None, given))


def special(args: tuple[Any, ...], kwargs: dict[str, Any], special: dict[str, Any]) -> str:
    """Returns what is shown of an item with something that is to be filled in."""
    return describe_item(ItemBlocks([pack_block(PICKLED, [pickle.dumps((args, kwargs, special))])]), 0)


# -- results ---------------------------------------------------------------------------------------------------


def test_results_keep_order_and_length_and_none_stays_none() -> None:
    outcomes = [succeeded(0, 1), succeeded(1, None), failed(2, type="E"), succeeded(3, [])]

    assert load_results(outcomes) == ([1, None, None, []], [])


@pytest.mark.parametrize(("value", "kind"), [(BreaksWhenLoaded(), "ValueError"), (ExitsWhenLoaded(), "SystemExit")])
def test_a_result_that_cannot_be_unpickled_is_its_items_failure(value: Any, kind: str) -> None:
    results, broken = load_results([succeeded(0, 1), succeeded(1, value), succeeded(2, 3)])

    assert results == [1, None, 3]
    (outcome,) = broken
    assert (outcome.item, outcome.result) == (1, None)
    assert outcome.failure is not None
    assert outcome.failure["type"] == kind
    assert "the result can't be unpickled here" in outcome.failure["message"]


class RaisesWhenLoaded:
    def __init__(self, error: type[BaseException], text: str) -> None:
        self.reduced = _raise, (error, text)

    def __reduce__(self) -> Any:
        return self.reduced


def _raise(error: type[BaseException], text: str) -> None:
    raise error(text)


class StrangeError(BaseException):
    pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit, SystemExit, StrangeError])
def test_whatever_unpickling_raises_is_the_items_failure(error: type[BaseException]) -> None:
    value = RaisesWhenLoaded(error, "r-\udce9 \0")

    results, (outcome,) = load_results([succeeded(0, value), succeeded(1, 3)])

    assert results == [None, 3]
    assert outcome.failure is not None
    assert outcome.failure["type"] == error.__name__
    assert outcome.failure["message"] == "the result can't be unpickled here: r-\\udce9 \\x00"
    assert f"unpickled here: {error.__name__}: r-" in describe_item(items(value), 0)


def test_what_looks_like_the_end_of_all_results_is_one_items_failure() -> None:
    results, (outcome,) = load_results([succeeded(0, RaisesWhenLoaded(StopIteration, "")), succeeded(1, 3)])

    assert results == [None, 3]
    assert outcome.failure is not None
    assert (outcome.item, outcome.failure["type"]) == (0, "StopIteration")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGALRM])
def test_what_a_signal_raises_while_results_are_unpickled_is_not(number: signal.Signals) -> None:
    def handle(number: int, frame: Any) -> None:
        raise StrangeError("by a signal")

    before = signal.signal(number, handle)
    try:
        with pytest.raises(StrangeError, match="by a signal"):
            load_results([succeeded(0, SignalsWhenLoaded(number)), succeeded(1, 3)])
        with pytest.raises(StrangeError, match="by a signal"):
            describe_item(items(SignalsWhenLoaded(number)), 0)
        assert signal.getsignal(number) is handle
    finally:
        signal.signal(number, before)


class SignalsWhenLoaded:
    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> Any:
        return signal.raise_signal, (self.number,)


# -- failures --------------------------------------------------------------------------------------------------


def test_a_failure_says_what_failed_and_why() -> None:
    outcome = failed(1, type="ValueError", message="no", traceback="Traceback ...")

    made = make_failure(outcome, items(None, {"x": 1, "y": "two"}))

    assert made == Failure(1, "x=1, y='two'", "ValueError", "no", "Traceback ...")
    assert json.loads(json.dumps(made.to_dict()))["item"] == "x=1, y='two'"


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (1, "1"),
        ((1, "two"), "1, 'two'"),
        ({"x": 1}, "x=1"),
        ((), ""),
        (None, "None"),
    ],
    ids=["one", "tuple", "dict", "nothing", "None"],
)
def test_an_item_is_shown_as_the_arguments_of_a_call(item: Any, text: str) -> None:
    assert describe_item(items(item), 0) == text


def test_an_item_whose_repr_fails_is_shown() -> None:
    assert describe_item(items((1, Unshowable())), 0).startswith("1, <Unshowable instance at")


def test_an_object_is_shown_by_its_key() -> None:
    places = [{"key": "folder/one"}, {"path": "/file"}, {"url": "http://x/y"}]

    shown = [special((), {"x": 1}, {"object": ("obj", place)}) for place in places]

    assert shown == ["obj=folder/one, x=1", "obj=/file, x=1", "obj=http://x/y, x=1"]


@pytest.mark.parametrize("place", [{"key": "r-\udce9"}, {"path": "/r-\udce9"}, {"key": "r-\0"}])
def test_an_item_is_shown_as_text_that_can_be_stored(place: dict[str, str]) -> None:
    shown = special((), {"r-\udce9": 1}, {"object": ("obj", place)})

    assert "\0" not in shown
    shown.encode()


def test_the_items_of_a_reduce_are_shown() -> None:
    assert special((), {}, {"results": (0, {})}) == "<results of another job>"


@pytest.mark.parametrize("item", ["x" * 10**7, b"x" * 10**7, list(range(10**6)), {f"k{i}": i for i in range(1000)}])
def test_a_huge_item_is_shown_in_short(item: Any) -> None:
    assert len(describe_item(items(item), 0)) <= 120


def test_an_item_that_cannot_be_unpickled_here_is_no_error() -> None:
    module = ModuleType("module_that_only_the_sender_has")
    exec("class Item:\n    pass", module.__dict__)
    sys.modules[module.__name__] = module
    pickled = pickle.dumps(((module.Item(),), {}, None))  # type: ignore[attr-defined]
    del sys.modules[module.__name__]

    made = make_failure(failed(0, type="ValueError"), ItemBlocks([pack_block(PICKLED, [pickled])]))

    assert "can't be unpickled here" in made.item
    assert "module_that_only_the_sender_has" in made.item


# -- messages --------------------------------------------------------------------------------------------------


def test_the_message_groups_by_type_and_place() -> None:
    failures = [failure(index, frame(3)) for index in range(3, 10)] + [failure(20, frame(5)), failure(21, "", "Died")]

    lines = failure_message("add", failures, 100, "job abc", 0.99).splitlines()

    assert lines == [
        "9 of 100 item(s) of add failed: 91 of 100 succeeded (91 %), 99 % were needed (job abc).",
        "  ValueError x 7 at /dags/a.py:3 in add: items 3, 4, 5, 6, 7 and 2 more",
        "    item 3: add(x=3): ValueError: no 3",
        "  ValueError x 1 at /dags/a.py:5 in add: item 20",
        "    item 20: add(x=20): ValueError: no 20",
        "  Died x 1: item 21",
        "    item 21: add(x=21): Died: no 21",
        "Remote traceback, or last output, of item 3:",
        *frame(3).splitlines(),
    ]


def test_no_traceback_no_word_of_it() -> None:
    assert failure_message("add", [failure(0)], 1, "job abc").splitlines() == [
        "1 of 1 item(s) of add failed: 0 of 1 succeeded (0 %) (job abc).",
        "  ValueError x 1: item 0",
        "    item 0: add(x=0): ValueError: no 0",
    ]


@pytest.mark.parametrize(
    ("count", "total", "ratio", "expected"),
    [
        (0, 10, 1.0, False),
        (1, 10, 1.0, True),
        (1, 10, 0.9, False),
        (2, 10, 0.9, True),
        (3, 10, 0.7, False),
        (10, 10, 0.0, False),
        (1, 1_000_000, 1.0, True),
        (1, 3, 2 / 3, False),
    ],
)
def test_how_many_failures_are_too_many(count: int, total: int, ratio: float, expected: bool) -> None:
    assert too_many(count, total, ratio) is expected
