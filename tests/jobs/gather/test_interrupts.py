"""What a signal's handler raises is told from what the code raises that it interrupts."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from lithops_provider.jobs.gather.interrupts import noticed_interrupts


class StrangeError(BaseException):
    pass


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM, signal.SIGALRM])
def raising(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal whose handler raises."""

    def handle(number: int, frame: Any) -> None:
        raise StrangeError("by a signal")

    before = signal.signal(request.param, handle)
    yield request.param
    signal.signal(request.param, before)


def test_what_a_handler_raises_is_noticed_and_raised(raising: signal.Signals) -> None:
    handler = signal.getsignal(raising)

    with noticed_interrupts() as noticed, pytest.raises(StrangeError):
        signal.raise_signal(raising)

    assert noticed.came
    assert signal.getsignal(raising) is handler


def test_what_code_raises_by_itself_is_not(raising: signal.Signals) -> None:
    with noticed_interrupts() as noticed, pytest.raises(StrangeError):
        raise StrangeError("by itself")

    assert not noticed.came


def test_a_handler_that_the_code_sets_stays(raising: signal.Signals) -> None:
    with noticed_interrupts():
        signal.signal(raising, signal.SIG_IGN)

    assert signal.getsignal(raising) is signal.SIG_IGN


def test_in_another_thread_nothing_is_changed(raising: signal.Signals) -> None:
    seen = []

    def look() -> None:
        with noticed_interrupts():
            seen.append(signal.getsignal(raising))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

    assert seen == [signal.getsignal(raising)]
