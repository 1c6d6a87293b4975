"""The documentation: its snippets run, its links lead somewhere, and what it names exists."""

from __future__ import annotations

import ast
import functools
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.test_public_names import PUBLIC
from tools import configuration_page
from tools.waiting import HANGS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
EVENTS = ROOT / "docs" / "what-happens-when.md"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_MODULE = re.compile(r"^\| `(\w+\.py)` \|", re.MULTILINE)


class Snippet(NamedTuple):
    """A fenced block: the page, the line it begins in, its language and its text."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def snippets(language: str) -> list[Snippet]:
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in _FENCE.finditer(text):
            if match[1] == language:
                found.append(Snippet(page, text.count("\n", 0, match.start()) + 2, language, match[2]))
    return found


def without_code(page: Path) -> str:
    return _FENCE.sub("", page.read_text())


PYTHON = snippets("python")
DAGS = [snippet for snippet in PYTHON if "with DAG(" in snippet.text]


def run(snippet: Snippet) -> dict[str, Any]:
    """Executes a snippet as a module of its own; returns what it defined."""
    code = compile(f"{chr(10) * (snippet.line - 1)}{snippet.text}", str(snippet.page), "exec", dont_inherit=True)
    namespace: dict[str, Any] = {"__name__": "snippet", "__file__": str(snippet.page)}
    exec(code, namespace)
    return namespace


@pytest.mark.parametrize("snippet", PYTHON, ids=str)
def test_a_snippet_runs(snippet: Snippet) -> None:
    """All it imports is there, and all it constructs takes the arguments that it gives."""
    run(snippet)


@pytest.mark.parametrize("snippet", DAGS, ids=str)
def test_a_snippet_makes_a_dag_with_tasks(snippet: Snippet, monkeypatch: pytest.MonkeyPatch) -> None:
    import airflow.sdk

    made: list[Any] = []

    class Dag(airflow.sdk.DAG):  # type: ignore[misc]
        def __enter__(self) -> Any:
            made.append(self)
            return super().__enter__()

    monkeypatch.setattr(airflow.sdk, "DAG", Dag)
    run(snippet)

    assert len(made) == snippet.text.count("with DAG(")
    assert all(dag.task_dict for dag in made)


def test_the_first_snippet_is_ten_lines_and_needs_no_configuration() -> None:
    first = PYTHON[0]
    assert first.page.name == "README.md"
    assert len([line for line in first.text.splitlines() if line]) <= 10
    assert "conn" not in first.text


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """The scripts of docs/jobs.md, as files."""
    names = ("send.py", "gather.py", "stay.py")
    found = [snippet.text for snippet in PYTHON if snippet.page.name == "jobs.md"]
    for name, text in zip(names, found, strict=True):
        (tmp_path / name).write_text(text)
    return tmp_path


def script(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, stdout=subprocess.PIPE, text=True, timeout=HANGS, check=True
    )
    return done.stdout


def test_one_script_sends_and_another_gathers(scripts: Path) -> None:
    assert script(scripts, "send.py", "job.json") == ""
    assert script(scripts, "gather.py", "job.json") == "1000 [1, 2, 5] 998002\n"


def test_a_script_sends_and_stays(scripts: Path) -> None:
    results, failure = script(scripts, "stay.py").splitlines()
    assert results == "[1, 2, None]"
    assert failure == "2 'x' ValueError invalid literal for int() with base 10: 'x'"


@pytest.mark.thorough
def test_the_script_that_reduces_prints_what_it_says(tmp_path: Path) -> None:
    (found,) = (one.text for one in PYTHON if one.page.name == "reduce.md" and "__main__" in one.text)
    (tmp_path / "reduces.py").write_text(found)

    printed = script(tmp_path, "reduces.py").splitlines()

    assert printed == re.findall(r"print\(.*#\s*(.*)", found) == ["328350", "[[0, 90], [1, 91]]"]


@pytest.mark.parametrize(
    "snippet", [one for one in snippets("json") if one.page.name in ("connection.md", "README.md")], ids=str
)
def test_an_extra_is_one(snippet: Snippet) -> None:
    from airflow.sdk import Connection

    from lithops_provider.connection.extra import connection_config

    connection = Connection(conn_id="lithops_default", conn_type="lithops", extra=snippet.text)
    given = json.loads(snippet.text)
    assert connection_config(connection)["lithops"]["backend"] == given.get("lithops", given)["backend"]


# -- what is named exists ----------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings make, as GitHub does."""
    titles = [re.sub(r"[`*]", "", title).strip().lower() for title in _HEADING.findall(without_code(page))]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in _LINK.findall(without_code(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_every_page_is_linked_from_the_readme() -> None:
    """The guides by their index; the site's first page says what the README does."""
    linked = set(_LINK.findall(without_code(PAGES[0])))
    assert {f"docs/{page.name}" for page in PAGES if page.parent.name == "docs"} - {"docs/index.md"} <= linked
    guides = ROOT / "docs" / "guides"
    listed = set(_LINK.findall(without_code(guides / "index.md")))
    assert "docs/guides/index.md" in linked
    assert {page.name for page in guides.glob("*.md")} - {"index.md"} <= listed


def test_every_page_is_in_the_site() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    listed = re.findall(r"[\w/-]+\.md", navigation)
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert sorted(listed) == sorted({*pages, "changelog.md"})


def test_the_page_of_options_is_what_the_provider_says() -> None:
    assert configuration_page.PAGE.read_text() == configuration_page.render(), "python -m tools.configuration_page"


def test_every_public_name_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference.md").read_text()
    documented = re.findall(r"^::: (lithops_provider\.\w+).*\.(\w+)$", page, re.MULTILINE)
    names = {(module, name) for module, names in PUBLIC.items() for name in names} - {
        ("lithops_provider.decorators", "Output")  # a type for checkers
    }
    assert set(documented) == names


@functools.cache
def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text() if path.exists() else "")
    return {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


def test_tests_that_are_named_exist() -> None:
    named = _TEST.findall(EVENTS.read_text())
    assert named
    assert [f"{path}::{name}" for path, name in named if name not in functions_of(ROOT / path)] == []


def test_every_event_names_a_test_or_says_that_there_is_none() -> None:
    rows = [line.split(" | ") for line in EVENTS.read_text().splitlines() if re.match(r"\| (?!event )", line)]
    assert all(len(row) == 3 for row in rows)
    says = re.compile(r"((`tests/[^`]+`(, )?)+|no test yet) \|")
    assert [row[0] for row in rows if not says.fullmatch(row[2])] == []


def test_every_module_is_in_the_tree_and_every_one_in_the_tree_exists() -> None:
    source = ROOT / "src" / "lithops_provider"
    modules = sorted(path.name for path in source.rglob("*.py") if path.name != "__init__.py")
    assert sorted(_MODULE.findall((ROOT / "docs" / "architecture.md").read_text())) == modules


def parameters() -> list[str]:
    from lithops_provider import operators, sensors
    from lithops_provider.task.operator import LithopsBaseOperator

    classes = [LithopsBaseOperator, sensors.LithopsJobSensor, *(getattr(operators, name) for name in operators.__all__)]
    names = [name for each in classes for name in inspect.signature(each.__init__).parameters]
    return sorted({*names} - {"self", "kwargs"})


@pytest.mark.parametrize("name", parameters())
def test_every_parameter_of_an_operator_is_documented(name: str) -> None:
    lines = (ROOT / "docs" / "operators.md").read_text().splitlines()
    assert any(f"`{name}`" in line.split(" | ")[0] for line in lines if line.startswith("| "))


def test_every_templated_field_is_documented() -> None:
    from lithops_provider import operators

    page = (ROOT / "docs" / "operators.md").read_text()
    section = page.partition("\n## Templating")[2].partition("\n## ")[0].partition("\n\nA number")[0]
    fields = {field for name in operators.__all__ for field in getattr(operators, name).template_fields}
    assert set(re.findall(r"`(\w+)`", section)) == fields


def test_aliases_are_in_brackets_behind_their_canonical_names() -> None:
    from lithops_provider.task.arguments import ALIASES

    page = (ROOT / "docs" / "operators.md").read_text()
    assert [name for name, (alias,) in ALIASES.items() if f"| `{name}` (`{alias}`) |" not in page] == []


def test_every_command_is_documented() -> None:
    makefile, readme = (ROOT / "Makefile").read_text(), (ROOT / "README.md").read_text()
    commands = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)) - {"help", "install"}
    assert {command for command in commands if f"`make {command}`" not in readme} == set()
    assert set(re.findall(r"`make ([a-z-]+)", readme)) <= commands
