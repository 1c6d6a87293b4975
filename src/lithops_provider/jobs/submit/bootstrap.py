"""
How the wrapper reaches the functions: the modules of `lithops_provider.jobs.remote` travel as compiled code, which
loads many times faster than functions pickled by value. Lithops checks that a runtime has the client's Python.
"""

from __future__ import annotations

import functools
import importlib.util
import marshal
import zlib
from typing import Any

from lithops_provider.jobs import remote

#: In the order in which they import each other.
_MODULES = (
    "by_value",
    "frames",
    "text",
    "descriptors",
    "parts",
    "output",
    "outcomes",
    "shipped_modules",
    "results",
    "sources",
    "objects",
    "storages",
    "injection",
    "messages",
    "ring",
    "items",
    "isolation",
    "item_process",
    "batch",
)


@functools.cache
def remote_code(swift: bool = False) -> bytes:
    """
    Returns the compiled modules of `lithops_provider.jobs.remote`.

    :param swift: whether with the client of OpenStack Swift
    """
    compiled = []
    for name in (*_MODULES, "swift") if swift else _MODULES:
        spec = importlib.util.find_spec(f"{remote.__name__}.{name}")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"the installation of lithops_provider lacks jobs/remote/{name}.py")
        with open(spec.origin, encoding="utf-8") as file:
            # optimize=2: docstrings stay here
            code = compile(file.read(), f"<lithops_provider {name}.py>", "exec", dont_inherit=True, optimize=2)
        compiled.append((name, code))
    return zlib.compress(marshal.dumps(compiled), 9)


def call_wrapper(call: dict[str, Any], storage: Any, code: bytes, function: bytes, settings: dict[str, Any]) -> Any:
    """
    What Lithops calls in a function. Pickled by value: it imports nothing of this package that it doesn't bring.

    :param call: see `lithops_provider.jobs.remote.batch.run_batch`, like all that follow
    :param storage: injected by Lithops
    :param code: from `remote_code`
    """
    import marshal
    import sys
    import types
    import zlib

    package = "lithops_provider.jobs.remote"  # loaded before it forks by the runner that we start on localhost
    if f"{package}.batch" not in sys.modules:
        package = "_lithops_provider_remote"
        parent = types.ModuleType(package)
        parent.__path__ = []
        sys.modules[package] = parent
        for name, compiled in marshal.loads(zlib.decompress(code)):  # noqa: S302 - our own code
            module = types.ModuleType(f"{package}.{name}")
            module.__package__ = package
            sys.modules[module.__name__] = module
            setattr(parent, name, module)
            exec(compiled, module.__dict__)  # noqa: S102 - our own code
    return sys.modules[f"{package}.batch"].run_batch(call, storage, function, settings)
