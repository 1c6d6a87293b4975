from __future__ import annotations

import threading

import pytest

from lithops_provider.jobs.adapter.time_limit import at_once, within
from tests.programs import run_python
from tools.waiting import HANGS


def test_it_returns_what_the_action_returns() -> None:
    assert within(30.0, lambda: "answer", "asking") == "answer"


def test_it_raises_what_the_action_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        within(30.0, lambda: 1 / 0, "dividing")


def test_it_ends_when_the_action_does_not() -> None:
    never = threading.Event()
    with pytest.raises(TimeoutError, match=r"no answer within 0\.1 s"):
        within(0.1, never.wait, "waiting")
    never.set()


def test_a_timeout_of_the_action_is_its_own() -> None:
    def action() -> None:
        raise TimeoutError("the socket's")

    with pytest.raises(TimeoutError, match="the socket's"):
        within(30.0, action, "reading")


def test_several_things_are_done_at_the_same_time_and_answered_in_order() -> None:
    both = threading.Barrier(2)

    def meet(answer: int) -> int:
        both.wait(HANGS)
        return answer

    assert at_once(lambda: meet(1), lambda: meet(2)) == [1, 2]


def test_what_one_of_them_raises_is_raised_though_another_never_ends() -> None:
    never = threading.Event()
    with pytest.raises(ZeroDivisionError):
        at_once(lambda: 1 / 0, never.wait)
    never.set()


def test_what_is_left_alone_keeps_no_process_alive() -> None:
    script = """
import subprocess
import sys
import threading
from lithops_provider.jobs.adapter.time_limit import within
try:
    within(0.1, threading.Event().wait, "waiting")
except TimeoutError:
    print("went on")
"""
    assert run_python(script) == b"went on\n"
