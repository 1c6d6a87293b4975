"""What travels by value puts objects together again without anything of this package."""

from __future__ import annotations

import ast
import functools
import sys
from pathlib import Path
from typing import Any

from lithops_provider.jobs.submit import rebuilt


def test_a_dispatcher_gets_what_was_registered_with_it() -> None:
    @functools.singledispatch
    def kind(value: Any) -> str:
        return "any"

    rebuilt.register_implementations(kind, {int: lambda value: "int", str: lambda value: "str"})

    assert [kind(value) for value in (1, "a", 1.0)] == ["int", "str", "any"]


def test_it_imports_the_standard_library_only() -> None:
    tree = ast.parse(Path(rebuilt.__file__).read_text())
    imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]

    assert [name for name in imported if name is None or name.partition(".")[0] not in sys.stdlib_module_names] == []
