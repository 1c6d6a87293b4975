"""What a job needs is held against what its runtime has, before anything is sent; without false alarms."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lithops_provider.jobs.adapter.runtimes.layers import default_runtime
from lithops_provider.jobs.adapter.runtimes.metadata import read_metadata
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import UnfitRuntimeError
from lithops_provider.jobs.run import JobRun
from lithops_provider.jobs.submit.runtime_check import check_runtime
from lithops_provider.jobs.submit.spec import JobSpec, Options, make_spec
from tests.jobs import process_faas
from tests.jobs.conftest import FaasMaker, finished
from tests.jobs.dag_modules import load

#: A DAG file, and the packages beside it. Of the packages that come with Airflow, greenlet can't be imported without
#: its compiled part, and yaml and markupsafe are only slower without theirs.
_FILES = {
    "dag.py": """
import greenlet, markupsafe, yaml
import check_plain, check_parts.one

def by_reference(x): return check_plain.double(x)
def with_namespace(x): return check_parts.one.NUMBER
def with_compiled(x): return greenlet.getcurrent()
def with_speedups(x): return markupsafe.escape(yaml.dump(x))
def imports_missing(x):
    import no_such_package.part
def may_import_missing(x):
    if x:
        import no_such_package
def from_a_shared_namespace(x):
    from google import no_such_part
    import azure.no_such_part
def imports_what_code_made(x):
    import made_by_code
def imports_the_standard_library(x):
    import sqlite3, xml.dom.minidom
    from lithops import Storage
def plain(x): return x
""",
    "check_plain/__init__.py": "class Record: pass\ndef double(x): return 2 * x",
    "check_parts/one.py": "NUMBER = 1",
}
_ABSENT = {"greenlet", "markupsafe", "yaml", "_yaml", "check_plain"}


@pytest.fixture(scope="module")
def dag(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("dags")
    for name, content in _FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield load(folder / "dag.py", "unusual_prefix_of_the_check_dag")
    for name in list(sys.modules):
        if name.startswith(("check_plain", "check_parts", "unusual_prefix_of_the_check_dag")):
            del sys.modules[name]


class Runtime:
    """What the runtime of a client's FaaS backend really has. Lithops remembers what it had when it asked."""

    def __init__(self, client: LithopsClient, patch: pytest.MonkeyPatch) -> None:
        self.client = client
        self.has = process_faas.ServerlessBackend._generate_runtime_meta(client.compute.handler.backend, "", 0)
        self.lacks(*_ABSENT)
        self.asked = 0
        patch.setattr(process_faas.ServerlessBackend, "_generate_runtime_meta", self._tell)

    def _tell(self, runtime_name: str, memory: int) -> dict[str, Any]:
        self.asked += 1
        return dict(self.has)

    def lacks(self, *names: str) -> None:
        self.has["preinstalls"] = [entry for entry in self.has["preinstalls"] if entry[0] not in names]

    def gets(self, *names: str) -> None:
        self.has["preinstalls"] = [*self.has["preinstalls"], *([name, True] for name in names)]


@pytest.fixture
def runtime(faas: FaasMaker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runtime:
    client = faas()
    monkeypatch.setattr(
        process_faas.ServerlessBackend, "get_runtime_key", lambda self, name, memory, version: f"check/{tmp_path.name}"
    )
    return Runtime(client, monkeypatch)


@pytest.fixture
def check(runtime: Runtime, dag: Any) -> Callable[..., JobSpec]:
    """Checks a job with one of the DAG file's functions."""

    def checked(name: str, item: Any = 1, **options: Any) -> JobSpec:
        spec = make_spec("map", *bind_items(getattr(dag, name), [item]), Options(**options))
        check_runtime(runtime.client, spec, None)
        return spec

    return checked


@pytest.mark.parametrize(
    ("name", "options", "reasons"),
    [
        ("imports_missing", {}, ["no_such_package is not in the runtime 'process' of process_faas", "not installed"]),
        ("with_compiled", {}, ["greenlet is not in", "compiled parts, which can't be sent along"]),
        ("by_reference", {"exclude_modules": ["check_plain"]}, ["check_plain is not in", "exclude_modules keeps"]),
        ("by_reference", {"include_modules": None}, ["check_plain is not in", "include_modules=None keeps"]),
    ],
)
def test_what_every_call_would_miss_is_an_error(
    check: Callable[..., JobSpec], name: str, options: dict[str, Any], reasons: list[str]
) -> None:
    with pytest.raises(UnfitRuntimeError) as raised:
        check(name, **options)

    for part in (
        f"{name} imports",
        *reasons,
        "The runtime has",
        "Build a runtime with",
        "runtimes build",
        "check_runtime=False",
    ):
        assert part in str(raised.value)


def test_on_this_machine_requirements_are_a_remedy(
    client: LithopsClient, packaged: Callable[[str], ModuleType]
) -> None:
    module = packaged("def square(x):\n    return x * x\n")

    with pytest.raises(UnfitRuntimeError, match=r"Install travels for that Python, or name .* in `requirements`"):
        finished(client, *bind_items(module.square, [1]), exclude_modules=["travels"])


def test_for_the_default_runtime_of_aws_lambda_requirements_are_a_remedy(
    check: Callable[..., JobSpec], runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime.client.compute, "backend", "aws_lambda")
    monkeypatch.setattr(runtime.client.compute, "runtime", default_runtime())

    with pytest.raises(UnfitRuntimeError, match=r"Name what has no_such_package in `requirements`, or build a runtime"):
        check("imports_missing")


def test_items_need_modules_too(check: Callable[..., JobSpec], dag: Any) -> None:
    with pytest.raises(UnfitRuntimeError, match="check_plain is not in"):
        check("plain", dag.check_plain.Record(), exclude_modules=["check_plain"])


@pytest.mark.parametrize(
    "name",
    [
        "by_reference",  # it is sent along
        "with_speedups",  # so are these, without what makes them fast
        "with_namespace",
        "from_a_shared_namespace",
        "imports_the_standard_library",
        "plain",
    ],
)
def test_there_are_no_false_alarms(
    check: Callable[..., JobSpec], runtime: Runtime, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "lithops_provider"):
        check(name)

    assert (caplog.messages, runtime.asked) == ([], 1)


def test_what_some_calls_may_miss_is_a_warning(check: Callable[..., JobSpec], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "lithops_provider"):
        check("may_import_missing")

    assert caplog.messages == [
        "may_import_missing may import no_such_package, which the runtime process of process_faas doesn't have"
    ]


def test_what_code_has_made_may_be_sent_along(
    check: Callable[..., JobSpec], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "made_by_code", ModuleType("made_by_code"))

    with caplog.at_level(logging.WARNING, "lithops_provider"):
        check("imports_what_code_made")

    assert caplog.messages == []


def test_it_can_be_turned_off(check: Callable[..., JobSpec], runtime: Runtime) -> None:
    check("imports_missing", check_runtime=False)

    assert runtime.asked == 0


def test_another_python_is_refused_with_both_versions(check: Callable[..., JobSpec], runtime: Runtime) -> None:
    runtime.has["python_version"] = "3.9"
    here = f"{sys.version_info.major}.{sys.version_info.minor}"

    with pytest.raises(UnfitRuntimeError, match=rf"has Python 3\.9, and this Airflow worker has Python {here}:"):
        check("plain")


def test_another_lithops_is_refused_with_both_versions(check: Callable[..., JobSpec], runtime: Runtime) -> None:
    runtime.has["lithops_version"] = "3.7.1"

    with pytest.raises(UnfitRuntimeError, match=r"has Lithops 3\.7\.1, and this Airflow worker has Lithops 3\.8"):
        check("plain")


def test_a_runtime_that_was_built_anew_is_asked_and_remembered(
    check: Callable[..., JobSpec], runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    """It has got a package since, or another Python."""
    runtime.has["python_version"] = "3.9"
    read_metadata(runtime.client.compute, None)
    runtime.has["python_version"] = f"{sys.version_info.major}.{sys.version_info.minor}"
    runtime.gets("no_such_package")

    with caplog.at_level(logging.WARNING, "lithops_provider"):
        check("imports_missing")
        check("imports_missing")

    assert runtime.asked == 2
    assert "no_such_package" in read_metadata(runtime.client.compute, None).modules
    assert caplog.messages == ["The runtime process has changed since Lithops asked it what it has"]


def test_a_runtime_that_cant_be_asked_again_is_judged_by_what_is_remembered(
    check: Callable[..., JobSpec], runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_metadata(runtime.client.compute, None)
    monkeypatch.delattr(process_faas.ServerlessBackend, "_generate_runtime_meta")

    with pytest.raises(UnfitRuntimeError, match=r"This is what Lithops remembers of it; it could not be asked again"):
        check("imports_missing")


def test_nothing_is_sent_of_a_job_that_is_refused(runtime: Runtime, dag: Any) -> None:
    run = JobRun(runtime.client, make_spec("map", *bind_items(dag.imports_missing, [1])), record=lambda job: None)

    with pytest.raises(UnfitRuntimeError):
        run.submit()

    assert process_faas.invocations == 0
    assert not [key for key in runtime.client.keys(run.job.bucket, "lithops.jobs/") if run.job.executor_id in key]
