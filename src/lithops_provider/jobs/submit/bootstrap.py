"""
Brings the code of `lithops_provider.jobs.remote` to where functions run, where this package isn't installed. The
modules are sent compiled, since they load many times faster so than as functions pickled by value; Lithops checks that
the runtime has the same Python as this process. payload.py puts them into each job.
"""

from __future__ import annotations

import functools
import marshal
import zlib
from importlib.abc import InspectLoader
from importlib.util import find_spec
from types import CodeType
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

#: The level of compression. Each task compresses the modules anew; the next levels take five times as long, for 2 %.
_LEVEL = 6


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
        module = f"{remote.__name__}.{name}"
        spec = find_spec(module)
        code = spec.loader.get_code(module) if spec and isinstance(spec.loader, InspectLoader) else None
        if code is None:
            raise ModuleNotFoundError(f"the installation of lithops_provider lacks jobs/remote/{name}.py")
        compiled.append((name, _renamed(code, f"<lithops_provider {name}.py>")))
    return zlib.compress(marshal.dumps(compiled), _LEVEL)


def _renamed(code: CodeType, file: str) -> CodeType:
    """Returns code with another name of its file, since this machine's files aren't where functions run."""
    constants = tuple(_renamed(value, file) if isinstance(value, CodeType) else value for value in code.co_consts)
    return code.replace(co_filename=file, co_consts=constants)


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
