"""
Makes modules that aren't installed where functions run: that of the DAG file, out of what was shipped of it by value,
and those that were shipped with another job, since its results may be instances of their classes. Results that refer to
such modules are pickled by value. items.py and the readers of other jobs' results call it.
"""

from __future__ import annotations

import base64
import functools
import importlib.util
import io
import pickle
import sys
import types
from importlib.machinery import ModuleSpec
from types import CodeType
from typing import TYPE_CHECKING, Any

from .class_pickles import ClassPickles
from .keys import FUNCTION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType


#: What cloudpickle writes since 3.1.3 in place of a code's file name. Tracebacks would name neither file nor line.
_NO_FILE = "<dynamic-code>"
#: Names of the modules that were made out of what was shipped.
_shipped_modules: set[bytes] = set()


def load_function(data: bytes) -> Any:
    """
    Unpickles a function and what belongs to it, and makes a module out of what was shipped by value of the DAG file,
    since pickle, dataclasses and processes that the function starts look up names there.

    :param data: from `lithops_provider.jobs.submit.payload.dump_function`
    """
    unpickler = pickle.Unpickler(io.BytesIO(data))
    value = unpickler.load()
    for name, members in unpickler.load().items():
        _make_module(name, members)
    return value


def _make_module(name: str, members: Mapping[str, Any]) -> None:
    import cloudpickle

    module = types.ModuleType(name)
    for member in members.values():
        # What functions refer to, such as constants and imports. All functions of a module share these globals.
        vars(module).update(getattr(member, "__globals__", {}))
    vars(module).update(members, __spec__=ModuleSpec(name, None))
    sys.modules[name] = module
    # Other processes don't have the module, so cloudpickle still has to pickle its contents by value for them.
    cloudpickle.register_pickle_by_value(module)
    _shipped_modules.add(name.encode())


def names_shipped_module(pickled: bytes) -> bool:
    """
    Tells whether a pickle may refer by name to a module that only this process has. It may also hold the name by
    chance.

    :param pickled: the pickle
    """
    for name in _shipped_modules:  # noqa: SIM110 - done for each result, and any() takes several times as long
        if name in pickled:
            return True
    return False


def reduce_code(code: CodeType, reducers: Mapping[type, Callable[[Any], Any]]) -> tuple[Any, tuple[Any, ...]]:
    """
    Reduces code, for a pickler, as cloudpickle does, but with the name of its file, which tracebacks need.

    :param code: the code of a function
    :param reducers: cloudpickle's own
    """
    make, arguments = reducers[CodeType](code)
    return make, tuple(
        code.co_filename if isinstance(argument, str) and argument == _NO_FILE else argument for argument in arguments
    )


def dump_by_value(value: Any) -> bytes:
    """
    Pickles a value with cloudpickle.

    :param value: such as an instance of a class that was sent by value itself
    """
    return _dumper()(value)


@functools.cache
def _dumper() -> Callable[[Any], bytes]:
    """
    Returns a function that pickles a value, and by value whatever can't be imported elsewhere. It is made when it is
    first needed, since few functions need cloudpickle.
    """
    import cloudpickle
    from cloudpickle import cloudpickle as internal

    class WholePickler(cloudpickle.Pickler):  # type: ignore[misc]
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, CodeType):
                return reduce_code(obj, self.dispatch_table)
            return super().reducer_override(obj)

    class Pickler(WholePickler):
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, type) and not internal._should_pickle_by_reference(obj):
                return classes.reduce(obj)
            return super().reducer_override(obj)

    def dump(pickler: Any, value: Any) -> bytes:
        buffer = io.BytesIO()
        pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
        return buffer.getvalue()

    classes = ClassPickles(functools.partial(dump, WholePickler))
    return functools.partial(dump, Pickler)


def load_result(load: Callable[[], Any], storage: Any, bucket: str, prefix: str) -> Any:
    """
    Unpickles a result of another job.

    :param load: unpickles the result; if a module is missing, it is called again once the job's modules are there
    :param storage: a Lithops Storage
    :param bucket: the job's bucket
    :param prefix: the prefix of a round of that job
    """
    try:
        return load()
    except ModuleNotFoundError:
        if any(isinstance(finder, JobModules) and finder.prefix == prefix for finder in sys.meta_path):
            raise
        # What Lithops writes for its worker, see `lithops.worker.utils.get_function_and_modules`.
        shipped = pickle.loads(storage.get_object(bucket, f"{prefix}/{FUNCTION}"))["module_data"]
        sys.meta_path.append(JobModules(prefix, shipped or {}))
        return load()


class JobModules:
    """
    Finds and loads the modules of another job from memory. Python asks it last, so a function's own modules win.

    :param prefix: the prefix of the job's round
    :param shipped: the contents of the files in base64, by their paths
    """

    def __init__(self, prefix: str, shipped: Mapping[str, str]) -> None:
        self.prefix = prefix
        self._shipped = shipped

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Finds a module, as Python's import wants it."""
        stem = name.replace(".", "/")
        if f"{stem}/__init__.py" in self._shipped:
            return importlib.util.spec_from_loader(name, self, origin=f"{stem}/__init__.py", is_package=True)  # type: ignore[arg-type]
        if f"{stem}.py" in self._shipped:
            return importlib.util.spec_from_loader(name, self, origin=f"{stem}.py", is_package=False)  # type: ignore[arg-type]
        if any(file.startswith(f"{stem}/") for file in self._shipped):
            return ModuleSpec(name, None, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> None:
        """Leaves that to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Runs a module's code."""
        assert module.__spec__ is not None
        file = str(module.__spec__.origin)
        exec(compile(base64.b64decode(self._shipped[file]), file, "exec"), module.__dict__)  # noqa: S102 - the user's own code
