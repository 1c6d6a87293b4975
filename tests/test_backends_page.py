"""docs/backends.md: it names every backend of Lithops, and claims what the tests of backends do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lithops_provider.jobs.config.resolve import compute_backends, monitoring_backends, storage_backends
from tests.backends.backends import BACKENDS

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "backends.md").read_text()
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


def test_the_readme_says_how_those_were_tried_that_it_names() -> None:
    found = table("Compute")
    kinds = {kind: {name for name, how in found.items() if how == kind} for kind in found.values()}
    assert kinds["for real"] == {"localhost", "singularity"}
    assert kinds["emulator"] == {"aws_lambda", "aws_batch", "aws_ec2", "vm"}
    assert kinds["not tried"] == {"azure_vms", "gcp_compute_engine", "ibm_vpc"}
    said = " ".join((ROOT / "README.md").read_text().split())
    assert (
        "Localhost and Singularity were tried for real; AWS Lambda, AWS Batch, EC2 and machines reached by SSH on "
        "emulators; the other serverless backends on small stand-ins of this project's tests; virtual machines of "
        "Azure, Google and IBM not at all" in said
    )


@pytest.mark.parametrize(
    ("guide", "backend"), [("aws-in-production", "aws_lambda"), ("google-cloud", "gcp_cloudrun"), ("kubernetes", "k8s")]
)
def test_a_guide_says_how_its_backend_was_tried(guide: str, backend: str) -> None:
    text = (ROOT / "docs" / "guides" / f"{guide}.md").read_text()
    assert table("Compute")[backend] in text.partition("**Tried:**")[2].partition("**Not tried")[0]
