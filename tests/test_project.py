"""What surrounds the code: metadata, workflows, the changelog's fragments."""

from __future__ import annotations

import re
from importlib.metadata import metadata, requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def steps() -> list[dict[str, Any]]:
    return [
        step for path in WORKFLOWS for job in yaml.safe_load(path.read_text())["jobs"].values() for step in job["steps"]
    ]


@pytest.mark.parametrize("extra", ["aws", "azure", "gcp", "ibm", "kubernetes", "oracle"])
def test_an_extra_is_lithops_s_own(extra: str) -> None:
    assert extra in metadata("lithops").get_all("Provides-Extra", [])
    ours = [Requirement(text) for text in requires("airflow-provider-lithops") or []]
    assert any(each.name == "lithops" and each.extras == {extra} for each in ours)


def test_workflows_run_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z0-9.-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    wanted = set()
    for path in WORKFLOWS:
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            matrix = job.get("strategy", {}).get("matrix", {})
            for step in job["steps"]:
                for command in re.findall(r"make ((?:\$\{\{.*?\}\}|\S)+)$", step.get("run", ""), re.MULTILINE):
                    name = re.search(r"matrix\.(\w+)", command)
                    values = matrix[name[1]] if name else [""]
                    wanted |= {re.sub(r"\$\{\{.*\}\}", value, command) for value in values}
    assert {"unit", "integration", "build", "docs", "airflow-3.1", "airflow-3.2"} <= wanted
    assert wanted - targets == set()


def test_the_matrix_has_every_python_that_the_metadata_has() -> None:
    ci = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    classified = re.findall(
        r"Python :: (3\.\d+)", "\n".join(metadata("airflow-provider-lithops").get_all("Classifier", []))
    )
    assert ci["jobs"]["python"]["strategy"]["matrix"]["python"] == classified


def test_actions_are_pinned_by_what_they_contain() -> None:
    used = [step["uses"] for step in steps() if "uses" in step]
    assert used
    assert [name for name in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name)] == []


def test_only_what_publishes_may_write() -> None:
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}
        writers = [name for name, job in workflow["jobs"].items() if "permissions" in job]
        assert writers == {"release": ["publish"], "docs": ["publish"]}.get(path.stem, [])


@pytest.mark.parametrize("path", [each for each in FORMS if each.stem != "config"], ids=lambda path: path.stem)
def test_a_form_asks_for_what_it_names(path: Path) -> None:
    form = yaml.safe_load(path.read_text())
    assert form.keys() >= {"name", "description", "body"}
    names = [field["id"] for field in form["body"]]
    assert len(names) == len(set(names)) > 0
    assert all(field["attributes"]["label"] for field in form["body"])


def test_pre_commit_runs_what_make_lint_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    rule = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    commands = re.findall(r"\$\(VENV\)/(ruff .*) \.$", rule, re.MULTILINE)
    assert [hook["entry"].removeprefix(".venv/bin/").removesuffix(" --force-exclude") for hook in hooks] == commands


def test_fragments_of_the_changelog_have_a_type() -> None:
    files = [path.name for path in (ROOT / "changelog.d").iterdir() if path.name != "README.md"]
    assert [
        name for name in files if not re.fullmatch(r"(\d+|\+[\w-]+)\.(breaking|added|changed|fixed)\.md", name)
    ] == []
