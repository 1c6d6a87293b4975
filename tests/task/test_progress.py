"""What a task logs of its job."""

from __future__ import annotations

import logging

import pytest

from lithops_provider.jobs.follow.follower import Progress
from lithops_provider.task.progress import ProgressLog, describe, log_output

LOG = logging.getLogger(__name__)


def progress(done: int, total: int = 100, failed: int = 0) -> Progress:
    return Progress(total=total, done=done, failed=failed, calls=4, started=3, ended=0)


def printed(*texts: str) -> list[tuple[int, str]]:
    return list(enumerate(texts))


def test_describe() -> None:
    assert describe(progress(20, failed=3), 2.0) == "20/100 items done, 3 failed, 10.0 items/s, about 8 s left"
    assert describe(progress(0), 2.0) == "0/100 items done, 0 failed, 0.0 items/s, 3/4 calls started"
    assert describe(progress(100), 4.0) == "100/100 items done, 0 failed, 25.0 items/s, 4.0 s in all"


def test_a_line_every_few_seconds_and_one_at_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    monkeypatch.setattr("lithops_provider.task.progress.time.monotonic", lambda: now)
    caplog.set_level(logging.INFO)
    log = ProgressLog(LOG)
    for tenth in range(124):
        now = tenth / 10
        log(progress(tenth // 2, total=60))
    assert [line.split(" items")[0] for line in caplog.messages] == ["25/60", "50/60", "60/60"]


def test_output_of_few_is_logged_whole(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log_output(LOG, printed("one\n", "two\nlines\n"))
    assert caplog.messages == ["Output of item 0:\none", "Output of item 1:\ntwo\nlines"]


def test_much_output_of_an_item_loses_its_middle(caplog: pytest.LogCaptureFixture) -> None:
    """Its end says how much was dropped before, and what went wrong last."""
    caplog.set_level(logging.INFO)
    log_output(LOG, printed("begin " + "x" * 20_000 + " 12345 more bytes of output were dropped\n"))
    (message,) = caplog.messages
    assert message.startswith("Output of item 0:\nbegin xxx")
    assert message.endswith("xxx 12345 more bytes of output were dropped")
    assert "\n... 12046 more characters ...\n" in message
    assert len(message) < 8_100


def test_output_of_many_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log_output(LOG, printed(*["x" * 1000] * 200))
    assert sum(len(message) for message in caplog.messages) < 70_000
    assert caplog.messages[-1] == "The output of 136 more item(s) is left out."
