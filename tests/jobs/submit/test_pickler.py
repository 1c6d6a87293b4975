"""What the pickler refuses, and which modules it says that a pickle needs."""

from __future__ import annotations

import io
import json
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lithops_provider.jobs import text
from lithops_provider.jobs.submit.pickler import JobPickler, NeededModules, NotInRuntimeError
from tests.jobs.dag_modules import in_a_fresh_process, load


def dumped(value: Any) -> tuple[bytes, NeededModules]:
    buffer, modules = io.BytesIO(), NeededModules()
    JobPickler(buffer, modules).dump(value)
    return buffer.getvalue(), modules


def test_a_function_that_goes_by_reference_requires_its_module() -> None:
    blob, modules = dumped(json.dumps)

    assert pickle.loads(blob) is json.dumps
    assert "json" in modules.shipped & modules.required


def test_what_a_function_imports_in_its_body_is_shipped_and_not_required() -> None:
    def late(x: Any) -> Any:
        import tests.jobs.made

        return tests.jobs.made

    _, modules = dumped(late)

    assert "tests.jobs.made" in modules.shipped
    assert "tests.jobs.made" not in modules.required


@pytest.mark.parametrize(
    ("value", "described"),
    [
        (text, "the module lithops_provider.jobs.text"),
        (text.short_repr, "lithops_provider.jobs.text.short_repr"),
        (text._SHORT, "of type lithops_provider.jobs.text._ShortRepr"),
    ],
    ids=["module", "function", "object"],
)
def test_what_belongs_to_a_package_that_functions_do_not_have_is_refused(value: Any, described: str) -> None:
    with pytest.raises(NotInRuntimeError, match=f"^{described}, doesn't travel") as raised:
        dumped([value])

    assert raised.value.value is value


def test_a_module_that_nobody_can_import_goes_by_value() -> None:
    made = ModuleType("made_by_code")
    made.factor = 3  # type: ignore[attr-defined]

    blob, modules = dumped(made)

    assert pickle.loads(blob).factor == 3
    assert "made_by_code" not in modules.required


def test_classes_of_a_file_that_is_gone_are_sent_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "unusual_prefix_of_what_is_gone"
    path = tmp_path / f"{name}.py"
    path.write_text("class Point:\n    def __init__(self, x): self.x = x\ndef make(x): return Point(x + 1).x\n")
    monkeypatch.setitem(sys.modules, name, ModuleType(name))  # so that what takes its place goes at the end
    module = load(path, name)
    path.unlink()

    assert in_a_fresh_process(module.make, 1) == 2
