"""Keeps what a failed test leaves: logs and what jobs stored, in a folder that the message names."""

from __future__ import annotations

import os
import re
import shutil
from datetime import datetime
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "build" / "failures"
"""Where the folders of test sessions with failures are."""

MOST_SESSIONS = 10
"""So many of them are kept."""

MOST_LINES = 60
"""So many lines of a report are shown; all of them are kept."""

MOST_BYTES = 1 << 20
"""So much of a file's beginning is kept, and so much of its end."""

_LOGS = re.compile(r"(^|/)logs?(/|$)|\.log$")
_OBJECTS = re.compile(r"/lithops\.jobs/")


class Kept:
    """
    What a session with failures leaves.

    :param root: the folder that holds all that the session has written
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        name = f"{datetime.now():%Y-%m-%d-%H%M%S}-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-{os.getpid()}"
        self.folder = FOLDER / name
        self._errors: dict[int, tuple[BaseException, str]] = {}  # with the test that was the first to have them

    def note(self, test: str, text: str) -> Path:
        """
        Keep what is known of a test when it fails, and return the file it is in.

        :param test: its id
        :param text: what is known
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.\[\]-]+", "-", test.removeprefix("tests/"))[-150:]
        path = self.folder / f"{name}.txt"
        with path.open("a") as file:
            file.write(f"{text}\n")
        return path

    def shorten(self, report: pytest.TestReport, error: BaseException) -> None:
        """
        Keep all that is known of a test that has failed, and leave in its report what fits on a screen.

        :param report: the test's
        :param error: what it failed with; a fixture fails all its tests with the same
        """
        text = "\n".join([report.longreprtext, *(f"--- {name}\n{content}" for name, content in report.sections)])
        path = self.note(report.nodeid, f"{text}\n({report.when}, ended at {datetime.now()})")
        first = self._errors.setdefault(id(error), (error, report.nodeid))[1]
        if first != report.nodeid:
            report.longrepr = f"{type(error).__name__}, as of {first}"
            report.sections.clear()
            return
        lines = report.longreprtext.splitlines()
        if len(lines) > MOST_LINES:
            summary = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            report.longrepr = "\n".join([summary, "...", *lines[-MOST_LINES:]])
        report.sections = [(name, "\n".join(content.splitlines()[-20:])) for name, content in report.sections]
        report.sections.append(("all of it", str(path)))

    def finish(self) -> None:
        """Copy all logs and objects of jobs, if there was anything to note; forget about sessions of long ago."""
        if not self.folder.exists():
            return
        listing = []
        for path in sorted(self._root.rglob("*")):
            relative = path.relative_to(self._root)
            if path.is_symlink() or not path.is_file():
                continue
            if _OBJECTS.search(str(path)):
                listing.append(f"{path.stat().st_size:>12} {datetime.fromtimestamp(path.stat().st_mtime)} {relative}")
            elif not _LOGS.search(str(relative)):
                continue
            _copy(path, self.folder / "files" / relative)
        (self.folder / "objects.txt").write_text("\n".join(["bytes, time of storing, key:", *listing, ""]))
        for old in sorted(FOLDER.iterdir())[:-MOST_SESSIONS]:
            shutil.rmtree(old, ignore_errors=True)  # another session may do the same


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with source.open("rb") as file, target.open("wb") as copy:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            copy.write(file.read(MOST_BYTES))
            if size > 2 * MOST_BYTES:
                copy.write(b"\n... %d bytes are left out here ...\n" % (size - 2 * MOST_BYTES))
                file.seek(-MOST_BYTES, os.SEEK_END)
            copy.write(file.read())
    except OSError as error:  # gone meanwhile, or not for this user
        target.with_name(f"{target.name}.missing").write_text(str(error))
