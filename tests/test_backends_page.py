"""docs/backends.md: it names every backend of Lithops, and claims what the tests of backends do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lithops_provider.jobs.config.resolve import compute_backends, monitoring_backends, storage_backends
from tests.backends.backends import BACKENDS

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "backends.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (for real|emulator|stand-in|not tried) \|", re.MULTILINE)


def table(title: str) -> dict[str, str]:
    """Returns what a section of the page says of each backend."""
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    return dict(ROW.findall(section))


def tried(title: str) -> set[str]:
    return {name for name, how in table(title).items() if how != "not tried"}


def names_used(key: str) -> set[str]:
    """Returns the backends of one kind that the connections of the tests name."""
    return {backend.uses[key] for backend in BACKENDS.values()}


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("Compute", compute_backends()),
        ("Storage", storage_backends()),
        ("Monitoring", monitoring_backends()),
    ],
)
def test_it_names_every_backend_of_lithops(title: str, names: list[str]) -> None:
    assert set(table(title)) == set(names)


@pytest.mark.parametrize(
    ("title", "key"), [("Compute", "backend"), ("Storage", "storage"), ("Monitoring", "monitoring")]
)
def test_it_says_tried_of_exactly_those_that_tests_run_on(title: str, key: str) -> None:
    everywhere = {"Compute": "localhost", "Storage": "localhost", "Monitoring": "storage"}[title]
    assert tried(title) == names_used(key) | {everywhere}
