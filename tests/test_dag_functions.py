"""Functions of a DAG file, as they arrive in a process that has neither Airflow nor this package nor the file."""

from __future__ import annotations

import dataclasses
import importlib
import pickle
import pkgutil
import site
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lithops.job.serialize import create_module_data, write_module_data  # noqa: TID253

from lithops_provider.jobs.adapter.modules import module_paths
from lithops_provider.jobs.binding.function import bind_function, bind_items
from lithops_provider.jobs.errors import NotPortableError
from lithops_provider.jobs.submit.bootstrap import remote_code
from lithops_provider.jobs.submit.payload import dump_function, dump_wrapper
from lithops_provider.jobs.submit.spec import JobSpec, make_spec
from tests.dag_file import DAG_FILE, FILES
from tests.fresh import run_after
from tests.jobs.dag_modules import load


@pytest.fixture(scope="module")
def dag(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The DAG file, in a folder with siblings, loaded as Airflow does."""
    import textwrap

    name = f"t{uuid.uuid4().hex[:6]}"
    folder = tmp_path_factory.mktemp("dags")
    for path, text in FILES.items():
        file = folder / path.format(name=name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).format(name=name))
    (folder / f"{name}.py").write_text(DAG_FILE.format(name=name))
    sys.path.append(str(folder))
    importlib.invalidate_caches()
    module = load(folder / f"{name}.py", f"unusual_prefix_{uuid.uuid4().hex}_{name}")
    yield module
    sys.path.remove(str(folder))
    for loaded in [key for key in sys.modules if name in key]:
        del sys.modules[loaded]


_PROCESS = """
import pickle, sys
from lithops_provider.jobs.remote.frames import ItemBlocks

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("lithops_provider", "airflow"):
            raise ModuleNotFoundError(f"the runtime has no {name}")

sys.meta_path.insert(0, Refuse())
folder, blob, blocks = pickle.load(sys.stdin.buffer)
sys.path.append(folder)
import cloudpickle
function, more, shared, _ = pickle.loads(blob)
results = []
items = ItemBlocks(blocks)
for index in range(len(items)):
    args, kwargs, _ = items.item(index)
    try:
        results.append(function(*args, *more, **kwargs, **shared))
    except ValueError as error:
        results.append(error)
sys.stdout.buffer.write(cloudpickle.dumps(results))
"""


def spec_of(function: Any, *items: Any) -> JobSpec:
    return make_spec("map", *bind_items(function, list(items)))


def run(spec: JobSpec, folder: Path) -> list[Any]:
    """Runs a job in a process that has its modules in a folder, as the functions' worker does."""
    installed = [[entry.name, entry.ispkg] for entry in pkgutil.iter_modules([*site.getsitepackages()])]
    write_module_data(str(folder), create_module_data(module_paths(spec.modules, installed, set())))
    sent = pickle.dumps((str(folder), spec.function, list(spec.items.blocks)))
    results: list[Any] = pickle.loads(run_after("import cloudpickle", _PROCESS, sent, folder="/"))
    return results


@pytest.mark.parametrize(
    ("make", "item", "expected"),
    [
        (lambda dag: dag.uses_all, 5, [50, 30, 1, 1, True]),
        (lambda dag: dag.make_adder(5), 1, 7),
        (lambda dag: dag.uses_modules, 5, [1, 10, -5, 15, 2, 3]),
        (lambda dag: dag.within_a_comprehension, 5, [6]),
        (lambda dag: dag.by_method, 5, 7),
        (lambda dag: dag.by_cache, 5, 10),
        (lambda dag: dag.collects, 5, 5),
        (lambda dag: dag.factorial, 5, 120),
        (lambda dag: dag.calls_decorated, 5, [120, 120, 15]),
        (lambda dag: dag.typed, 5, 10),
        (lambda dag: dag.mentions_an_attribute, 5, ("None", None, [5])),
    ],
    ids=lambda value: None if isinstance(value, int | list | tuple) else "",
)
def test_it_arrives(dag: Any, tmp_path: Path, make: Callable[[Any], Any], item: Any, expected: Any) -> None:
    assert run(spec_of(make(dag), item), tmp_path) == [expected]


def test_items_bring_the_modules_of_their_classes(dag: Any, tmp_path: Path) -> None:
    assert run(spec_of(lambda record: record.value, dag.Record(7)), tmp_path) == [7]


def test_results_and_exceptions_are_instances_of_the_files_classes(dag: Any, tmp_path: Path) -> None:
    made, error = run(spec_of(dag.Point, 3), tmp_path)[0], run(spec_of(dag.raises, 3), tmp_path)[0]

    assert made == dag.Point(3)
    assert type(made) is dag.Point
    assert made.color is dag.Color.RED
    assert type(error) is dag.Wrong
    assert str(error) == "3 is wrong"


def test_a_class_is_the_same_for_functions_sent_by_different_processes(dag: Any, tmp_path: Path) -> None:
    """As when a chain of tasks passes results on in storage: each task is a process of its own."""
    script = (
        "import pickle, sys\n"
        "sys.path[:0] = {path!r}\n"
        "from pathlib import Path\n"
        "from tests.jobs.dag_modules import load\n"
        "from lithops_provider.jobs.submit.spec import make_spec\n"
        "from lithops_provider.jobs.binding.function import bind_items\n"
        "dag = load(Path({file!r}), {module!r})\n"
        "spec = make_spec('map', *bind_items({function}, [3]))\n"
        "sys.stdout.buffer.write(spec.function)\n"
    )

    def sent_by_another_process(function: str) -> bytes:
        values = {"path": sys.path, "file": dag.__file__, "module": dag.__name__, "function": function}
        return run_after("import airflow.sdk", script.format(**values))

    first = sent_by_another_process("dag.Point")
    second = sent_by_another_process("lambda point, cls=dag.Point: [type(point) is cls, point == cls(3)]")
    by_value = spec_of(dag.by_method, 0).modules  # what the class needs

    def chain(_: Any) -> Any:
        import pickle

        return pickle.loads(second)[0](pickle.loads(first)[0](3))

    assert run(dataclasses.replace(spec_of(chain, 0), modules=by_value), tmp_path) == [[True, True]]
    assert type(pickle.loads(first)[0](3)) is dag.Point


def test_the_payload_is_small_and_carries_no_airflow(dag: Any) -> None:
    for function in (dag.helper, dag.factorial, dag.uses_all, dag.calls_decorated, dag.by_method):
        spec = spec_of(function, 1)
        assert len(dump_wrapper(spec.function, {})) - len(remote_code()) < 10_000
        assert not {name for name in spec.modules if name.partition(".")[0] in ("airflow", "lithops_provider")}


# -- what can't travel -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda dag: dag.uses_dag,
            r"it refers in line \d+ of t\w+\.py to 'dag', of type airflow\.sdk\.\S*\.DAG, which doesn't travel: the "
            r"functions run without Airflow\. Pass what the function needs of it as an argument$",
        ),
        (lambda dag: dag.calls_uses_dag, r"uses_dag, which it calls, refers in line \d+ of \S+ to 'dag'"),
        (lambda dag: dag.uses_operator, r"to 'operator', of type lithops_provider\.operators\.map\.LithopsMapOperator"),
        (lambda dag: dag.uses_output, r"to 'made', of type airflow\.sdk\.\S+XComArg, which doesn't travel"),
        (
            lambda dag: dag.uses_variable,
            r"to 'Variable', airflow\.sdk\.\S+\.Variable, which doesn't travel: .* Import it inside "
            "uses_variable if the runtime has Airflow",
        ),
        (lambda dag: dag.uses_task, "to 'task', of type airflow"),
        (
            lambda dag: dag.annotated,
            r"it refers in the annotation of its parameter to 'context', airflow\.sdk\.\S+Context",
        ),
        (lambda dag: dag.by_default, "it refers in the default of its parameter to 'dag', of type airflow"),
        (lambda dag: dag.closes_over_dag(), r"it refers in closes_over_dag\.<locals>\.f to 'mine', of type airflow"),
        (
            lambda dag: dag.waits,
            r"it refers in line \d+ of \S+ to 'lock', of type _thread\.lock, which can't be pickled\. "
            "Make it inside waits",
        ),
        (lambda dag: dag.uses_config, r"to \"config\['guard'\]\", of type _thread.lock, which can't be pickled"),
        (lambda dag: dag.uses_model, "to 'model.lock', of type _thread.lock, which can't be pickled"),
        (
            lambda dag: dag.uses_guarded,
            r"Guarded\.predict refers in line \d+ of \S+ to 'lock'",
        ),
    ],
    ids=[
        *("dag", "through a helper", "operator", "output", "class of Airflow", "task", "annotation", "default"),
        *("closure", "lock", "in a dict", "in an attribute", "in a method"),
    ],
)
def test_what_can_not_travel_is_named(dag: Any, make: Callable[[Any], Any], message: str) -> None:
    function = make(dag)
    with pytest.raises(NotPortableError, match=rf"^the function {function.__name__} can't be shipped: .*{message}"):
        dump_function(bind_function(function))


def test_the_line_is_that_of_the_reference(dag: Any) -> None:
    with pytest.raises(NotPortableError) as caught:
        dump_function(bind_function(dag.uses_variable))
    line = int(str(caught.value).partition("in line ")[2].split()[0])
    assert "Variable.get" in Path(dag.__file__).read_text().splitlines()[line - 1]


def test_airflows_objects_as_arguments_are_named(dag: Any) -> None:
    with pytest.raises(
        NotPortableError, match=r"item 1 can't be shipped: .*of type airflow\.sdk\.\S+\.DAG, doesn't travel"
    ):
        spec_of(dag.helper, 1, dag.dag)
    with pytest.raises(NotPortableError, match=r"extra_args 'y', of type airflow\.sdk\.\S+\.DAG, doesn't travel"):
        make_spec("map", *bind_items(lambda x, y: x, [1], {"y": dag.dag}))
