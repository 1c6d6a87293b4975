"""Modules that are imported later than Lithops says, in fresh interpreters: this one has imported them."""

from __future__ import annotations

import pytest

from tests.programs import run_python


@pytest.mark.parametrize(
    "use",
    [
        "assert name.dumps([1]) == '[1]'",
        "from json import dumps; assert dumps([1]) == '[1]'",
        "import json.decoder; assert json.decoder.JSONDecoder",
        "import json; assert json.dumps([1]) == '[1]' and type(json).__name__ == 'module'",
    ],
)
def test_a_module_comes_when_it_is_used(use: str) -> None:
    run_python(
        "import sys\n"
        "from lithops_provider.jobs.adapter.later_modules import later_modules\n"
        "for known in [known for known in sys.modules if known.partition('.')[0] == 'json']: del sys.modules[known]\n"
        "with later_modules(['json']):\n"
        "    import json as name\n"
        "    assert 'json.decoder' not in sys.modules\n"
        "assert 'json' not in sys.modules\n"
        f"{use}\n"
        "assert name.dumps([2]) == '[2]'\n"
        "assert name.dumps is sys.modules['json'].dumps\n"
    )


@pytest.mark.parametrize("use", ["from json import dumps", "import json.decoder", "json.dumps"])
def test_using_a_module_at_once_imports_it_at_once(use: str) -> None:
    run_python(
        "import sys\n"
        "from lithops_provider.jobs.adapter.later_modules import later_modules\n"
        "for known in [known for known in sys.modules if known.partition('.')[0] == 'json']: del sys.modules[known]\n"
        "with later_modules(['json']):\n"
        "    import json\n"
        f"    {use}\n"
        "assert type(sys.modules['json']).__name__ == 'module'\n"
        "assert json.dumps([2]) == '[2]'\n"
    )


def test_a_hidden_module_cannot_be_imported_meanwhile() -> None:
    run_python(
        "from lithops_provider.jobs.adapter.later_modules import later_modules\n"
        "with later_modules([], ['antigravity_of_tests', 'turtle']):\n"
        "    try:\n"
        "        import turtle\n"
        "    except ModuleNotFoundError:\n"
        "        pass\n"
        "    else:\n"
        "        raise AssertionError\n"
        "import importlib.util\n"
        "assert importlib.util.find_spec('turtle')\n"
    )


def test_a_module_that_is_there_stays() -> None:
    run_python(
        "import json, sys\n"
        "from lithops_provider.jobs.adapter.later_modules import later_modules\n"
        "with later_modules(['json'], ['json']):\n"
        "    assert sys.modules['json'] is json\n"
        "assert sys.modules['json'] is json\n"
    )
