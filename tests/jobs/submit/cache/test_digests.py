"""By which digests cached results are found, made by other processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.submit.cache.digests import digest_function
from lithops_provider.jobs.submit.spec import Options, make_spec
from tests.programs import run_python

#: Prints the digest of a function that refers to sets, and those of items of several kinds.
PROGRAM = """
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.submit.cache.digests import digest_arguments, digest_function
from lithops_provider.jobs.submit.spec import Options, make_spec

WORDS = {"alpha", "beta", "gamma", "delta"}

def count(words, *, known=frozenset(WORDS), more=None):
    return len(WORDS & set(words) & known) + (words in {"one", "two", "three", "four"})

texts, sets, dicts = ["alpha", 1, 2.5, None], [WORDS, frozenset(WORDS)], [(dict.fromkeys(WORDS, 1),)]
for items in (texts, sets, dicts, [{"words": [1], "more": 2}]):
    spec = make_spec("map", *bind_items(count, items), Options(cache=True))
    print(digest_function(spec), [digest.hex() for digest in digest_arguments(spec)])
"""


def test_another_interpreter_with_another_hash_seed_makes_the_same_digests() -> None:
    printed = [run_python(PROGRAM, environment={"PYTHONHASHSEED": seed}).splitlines() for seed in ("1", "2")]

    assert printed[0] == printed[1]
    assert len(printed[0]) == 4


@pytest.fixture
def digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Writes a file beside a package that imports a module, and a module, and digests a function that uses them."""
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "cached_by_user"
    package.mkdir()
    (package / "__init__.py").write_text("from cached_helper import VALUE\n")
    (tmp_path / "cached_helper.py").write_text("VALUE = 1\n")

    def function(x: int) -> int:  # not of this module, whose package is large
        import cached_by_user

        return x + int(cached_by_user.VALUE)

    def of(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return digest_function(make_spec("map", *bind_items(function, [1]), Options(cache=True)))

    return of


@pytest.mark.parametrize("name", ["cached_helper.py", "cached_by_user/__init__.py", "cached_by_user/table.json"])
def test_the_files_of_modules_that_travel_count_code_and_data(digest: Callable[[str, str], str], name: str) -> None:
    first, second, third = (digest(name, text) for text in ("VALUE = 1\n", "VALUE = 2\n", "VALUE = 1\n"))

    assert first == third != second


def test_a_file_that_is_no_python_counts_as_it_is(digest: Callable[[str, str], str]) -> None:
    first, second = (digest("cached_by_user/template.py", f"import {{{{ {name} }}}}\n") for name in ("one", "other"))

    assert first != second


def test_a_module_without_files_does_not_count(
    digest: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest("cached_helper.py", "import made_by_code, no_such_module\nVALUE = 1\n")
    monkeypatch.setitem(sys.modules, "made_by_code", ModuleType("made_by_code"))

    assert digest("cached_helper.py", "import made_by_code, no_such_module\nVALUE = 1\n") == before


def test_files_that_do_not_travel_do_not_count(digest: Callable[[str, str], str]) -> None:
    assert digest("cached_by_user/.git", "1") == digest("cached_by_user/.git", "2")


def test_a_module_that_cannot_be_read_is_named(digest: Callable[[str, str], str], tmp_path: Path) -> None:
    os.symlink(tmp_path / "nowhere", tmp_path / "cached_by_user" / "gone.py")

    with pytest.raises(InvalidInputError, match=r"cache=True: the file .*gone\.py"):
        digest("cached_helper.py", "VALUE = 1\n")
