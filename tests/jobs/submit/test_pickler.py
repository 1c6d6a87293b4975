"""What the pickler refuses, and which modules it says that a pickle needs."""

from __future__ import annotations

import io
import json
import pickle
from typing import Any

import pytest

from lithops_provider.jobs import text
from lithops_provider.jobs.submit.pickler import JobPickler, NeededModules, NotInRuntimeError


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
