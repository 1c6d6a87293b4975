"""What the executor adds to the log of a task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lithops_provider.executors.task_log import add_to_task_log


def test_each_line_is_an_error_behind_what_the_log_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path))
    (tmp_path / "attempt=1.log").write_text('{"event": "begun", "level": "info"}\n')

    add_to_task_log("attempt=1.log", "its call has died\nlast words")

    lines = [json.loads(line) for line in (tmp_path / "attempt=1.log").read_text().splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [
        ("info", "begun"),
        ("error", "its call has died"),
        ("error", "last words"),
    ]


def test_a_log_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path / "file"))

    add_to_task_log("attempt=1.log", "its call has died")

    assert "attempt=1.log, can't be written" in caplog.text
