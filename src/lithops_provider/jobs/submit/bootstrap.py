"""
Brings the code of `lithops_provider.jobs.remote` to where functions run, where this package isn't installed. The
modules are sent compiled, since they load many times faster so than as functions pickled by value; Lithops checks that
the runtime has the same Python as this process. payload.py puts them into each job.
"""

from __future__ import annotations

import functools
import importlib.util
import marshal
import zlib
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs import remote

if TYPE_CHECKING:
    from lithops_provider.jobs.remote.frames import CallItems
    from lithops_provider.jobs.remote.items import CallSettings

#: The modules that every call needs, each after those that it imports.
_MODULES = (
    "keys",
    "class_pickles",
    "shipped_modules",
    "frames",
    "isolation",
    "output",
    "parts",
    "outcomes",
    "results",
    "sources",
    "storages",
    "reduce",
    "reduce.values",
    "injection",
    "reports",
    "items",
    "item_process",
    "batch",
)


#: The modules that only functions with a parameter ``obj`` need.
_OBJECT_MODULES = ("objects", "objects.lines", "objects.tables", "objects.chunks")

#: The modules that only reduces need, and the map of a reduce by key.
_REDUCE_MODULES = (
    "reduce.spans",
    "reduce.keys",
    "reduce.values_of_key",
    "reduce.pairs",
    "reduce.runs",
    "reduce.stored",
    "reduce.shuffle",
)


@functools.cache
def remote_code(swift: bool = False, objects: bool = False, reduces: bool = False) -> bytes:
    """
    Returns the compiled modules of `lithops_provider.jobs.remote`.

    :param swift: whether to include the client of OpenStack Swift
    :param objects: whether to include what reads objects as items
    :param reduces: whether to include what only reduces need
    """
    compiled = []
    more = (
        *(_OBJECT_MODULES if objects else ()),
        *(_REDUCE_MODULES if reduces else ()),
        *(("swift",) if swift else ()),
    )
    for name in (*_MODULES, *more):
        spec = importlib.util.find_spec(f"{remote.__name__}.{name}")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"the installation of lithops_provider lacks jobs/remote/{name}.py")
        with open(spec.origin, encoding="utf-8") as file:
            # optimize=2 leaves the docstrings out
            code = compile(file.read(), f"<lithops_provider {name}.py>", "exec", dont_inherit=True, optimize=2)
        compiled.append((name, code))
    return zlib.compress(marshal.dumps(compiled), 9)


def call_wrapper(call: CallItems, storage: Any, code: bytes, function: bytes, settings: CallSettings) -> Any:
    """
    Runs a call. This is the function that Lithops calls. It is pickled by value, so it imports nothing of this package
    but the modules that it brings along.

    :param call: see `lithops_provider.jobs.remote.batch.run_batch`, also for ``function`` and ``settings``
    :param storage: injected by Lithops
    :param code: from `remote_code`
    """
    import marshal
    import sys
    import types
    import zlib

    package = "lithops_provider.jobs.remote"  # on localhost, our runner has loaded it before it forked this process
    if f"{package}.batch" not in sys.modules:
        package = "_lithops_provider_remote"
        parent = types.ModuleType(package)
        parent.__path__ = []
        sys.modules[package] = parent
        for name, compiled in marshal.loads(zlib.decompress(code)):  # noqa: S302 - our own code
            module = types.ModuleType(f"{package}.{name}")
            folder, _, last = module.__name__.rpartition(".")
            module.__package__ = folder
            module.__path__ = []  # it may be a package, with modules in it
            sys.modules[module.__name__] = module
            setattr(sys.modules[folder], last, module)
            exec(compiled, module.__dict__)  # noqa: S102 - our own code
    return sys.modules[f"{package}.batch"].run_batch(call, storage, function, settings)
