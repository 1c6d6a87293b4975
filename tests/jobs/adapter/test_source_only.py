"""Which packages can be imported from their source files alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from lithops_provider.jobs.adapter import source_only
from lithops_provider.jobs.adapter.source_only import needs_compiled_parts


def test_which_packages_need_their_compiled_parts() -> None:
    assert needs_compiled_parts("greenlet", ())
    assert not needs_compiled_parts("greenlet", {"greenlet"})
    assert not needs_compiled_parts("markupsafe", ())
    assert not needs_compiled_parts("no_such_package", ())


def test_of_one_whose_import_does_not_end_that_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "never_imported.py").write_text("import time\ntime.sleep(600)")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(source_only, "_IMPORT_SECONDS", 0.1)

    assert not needs_compiled_parts("never_imported", ())
