"""Pickles functions, and by value what can't be imported where they run. spec.py calls it; items.py pickles items."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

import cloudpickle

from lithops_provider.jobs.binding import drivers
from lithops_provider.jobs.binding.function import Binding
from lithops_provider.jobs.errors import NotPortableError
from lithops_provider.jobs.submit import rebuilt
from lithops_provider.jobs.submit.digest import DAG_MODULE_PREFIX
from lithops_provider.jobs.submit.pickler import JobPickler, NeededModules, NotInRuntimeError, Shipped
from lithops_provider.jobs.submit.unpicklable import find_culprit

if TYPE_CHECKING:
    from lithops_provider.jobs.remote.items import CallSettings

_OWN_PACKAGE = __name__.partition(".")[0]
#: Modules of this package whose functions are pickled by value along with functions and items.
_BROUGHT = (rebuilt, drivers)

#: cloudpickle's registry belongs to the whole process.
_registry_lock = threading.RLock()


def underlying_functions(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Returns the plain functions that a call of a partial, a bound method or a callable object may run."""
    if isinstance(function, functools.partial):
        nested = [value for value in (*function.args, *function.keywords.values()) if inspect.isfunction(value)]
        return [*underlying_functions(function.func), *nested]
    if isinstance(function, drivers.Driver):
        return [plain for given in function.functions if given is not None for plain in underlying_functions(given)]
    if inspect.ismethod(function):
        return [function.__func__]
    if inspect.isfunction(function):
        return [function]
    call = getattr(type(function), "__call__", None)  # noqa: B004 - the method itself is wanted
    methods: list[Callable[..., Any]] = [value for _, value in inspect.getmembers(type(function), inspect.isfunction)]
    return list(methods) if inspect.isfunction(call) else []


def dump_function(binding: Binding, modules: NeededModules | None = None, shipped: Shipped | None = None) -> bytes:
    """
    Pickles a function with the arguments that all its items share. In a second pickle after it are the functions and
    classes that went by value, by their names in the DAG file. `lithops_provider.jobs.remote.shipped_modules` makes a
    module out of these.

    :param binding: the function
    :param modules: gets the names of the modules that the function needs where it runs
    :param shipped: the classes and functions that are pickled by value with the items
    :raises NotPortableError: something that the function refers to can't be pickled; the message names it
    """
    value = (binding.function, binding.args, binding.kwargs, binding.injection())
    buffer = io.BytesIO()
    names: Shipped = {module: dict(members) for module, members in (shipped or {}).items()}
    with by_value(modules_of(binding.function)):
        try:
            pickler = JobPickler(buffer, modules, names)
            pickler.dump(value)
            for module in _BROUGHT:
                names.pop(module.__name__, None)
            pickler.dump({module: dict(members) for module, members in names.items()})
            return buffer.getvalue()
        except Exception as error:
            raise NotPortableError(
                f"the function {binding.name} can't be shipped: {_culprit(binding) or error}"
            ) from error


def dump_wrapper(
    function: bytes, settings: CallSettings, *, swift: bool = False, objects: bool = False, reduces: bool = False
) -> bytes:
    """
    Pickles our wrapper, with the function inside. The wrapper is what Lithops calls.

    :param function: from `dump_function`
    :param settings: see `lithops_provider.jobs.remote.batch.run_batch`
    :param swift: whether the function may use OpenStack Swift
    :param objects: whether its items are objects in storage
    :param reduces: whether the function belongs to a reduce, or to the map of a reduce by key
    """
    from lithops_provider.jobs.submit import bootstrap

    wrapper = functools.partial(
        bootstrap.call_wrapper,
        code=bootstrap.remote_code(swift, objects, reduces),
        function=function,
        settings=settings,
    )
    with by_value([bootstrap]):
        return bytes(cloudpickle.dumps(wrapper))


def _dumps(value: Any) -> bytes:
    buffer = io.BytesIO()
    JobPickler(buffer).dump(value)
    return buffer.getvalue()


def modules_of(function: Callable[..., Any]) -> list[ModuleType]:
    """
    Returns the loaded modules that have to be pickled by value: of those that define a function, those that can't be
    imported where it runs; and those of this package that rebuild it there.
    """
    callables = [given for given in getattr(function, "functions", [function]) if given is not None]
    names = {
        getattr(entry, "__module__", None)
        for given in callables
        for entry in (given, type(given), type(getattr(given, "__self__", None)), *underlying_functions(given))
    }
    loaded = list(sys.modules)  # of which another thread may import more meanwhile
    names |= {name for name in loaded if name.startswith(DAG_MODULE_PREFIX)}
    modules = (sys.modules.get(name) for name in names if name is not None)
    return [*_BROUGHT, *(module for module in modules if module is not None and not _importable(module))]


def _importable(module: ModuleType) -> bool:
    """
    Tells whether a fresh process could import the module. `importlib.util.find_spec` can't tell, since it looks into
    `sys.modules` first.
    """
    root = module.__name__.partition(".")[0]
    if root == _OWN_PACKAGE:
        return False  # it isn't installed where functions run
    if root == "__main__":
        return True  # cloudpickle ships it by value on its own
    for finder in sys.meta_path:
        find_spec = getattr(finder, "find_spec", None)
        with contextlib.suppress(Exception):
            if find_spec is not None and find_spec(root, None) is not None:
                return True
    return False


@contextlib.contextmanager
def by_value(modules: Iterable[ModuleType]) -> Iterator[None]:
    """
    Within this context, functions and classes of some modules are pickled by value, although this process can import
    them.

    :param modules: the modules
    """
    with _registry_lock:
        registered = []
        known = cloudpickle.list_registry_pickle_by_value()
        for module in modules:
            if module.__name__ not in known:
                cloudpickle.register_pickle_by_value(module)
                registered.append(module)
        try:
            yield
        finally:
            for module in registered:
                cloudpickle.unregister_pickle_by_value(module)


def _culprit(binding: Binding) -> str | None:
    """Returns words for the one thing that the function refers to and that can't be pickled; None if there is none."""
    for key, value in (*binding.kwargs.items(), *enumerate(binding.args)):
        if (error := _problem(value)) is not None:
            reason = str(error) if isinstance(error, NotInRuntimeError) else f"of type {type(value).__name__}"
            return f"extra_args {key!r}, {reason}, can't be pickled"
    return find_culprit(underlying_functions(binding.function), _problem)


def _problem(value: Any) -> Exception | None:
    try:
        _dumps(value)
    except Exception as error:
        return error
    return None
