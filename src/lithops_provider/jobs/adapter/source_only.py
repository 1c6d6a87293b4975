"""
Tries whether a module can be imported from its source files alone, since Lithops ships nothing else of a package.
Without its compiled parts, one package is only slower, and another can't be imported at all. runtime_check.py calls
this for modules that the runtime lacks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection

from lithops_provider.jobs.adapter.environment import environment_of_functions

#: Seconds to wait for the module to be imported.
_IMPORT_SECONDS = 60.0

#: Source of the process that tries. It ends with 3 if the module can't do without a compiled part, of itself or of what
#: it imports.
_PROCESS = """
import importlib, importlib.machinery, json, sys
module, path, there = json.load(sys.stdin)
sys.path[:] = path
there = {*there, *sys.stdlib_module_names}
missed = []

class SourceOnly(importlib.machinery.ExtensionFileLoader):
    def create_module(self, spec):
        if spec.name.partition(".")[0] not in there:
            missed.append(spec.name)
            raise ImportError(f"{spec.name} is compiled, and doesn't travel", name=spec.name)
        return super().create_module(spec)

importlib.machinery.ExtensionFileLoader.create_module = SourceOnly.create_module
try:
    importlib.import_module(module)
except BaseException:
    sys.exit(3 if missed else 0)
"""


def needs_compiled_parts(module: str, there: Collection[str]) -> bool:
    """
    Tells whether importing a module fails without its compiled parts, which aren't shipped. False if that isn't known.

    :param module: a module that can be imported here
    :param there: the modules that the runtime has, compiled parts included
    """
    asked = json.dumps([module, sys.path, sorted(there)])
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROCESS],
            input=asked.encode(),
            env=environment_of_functions(os.environ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=_IMPORT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 3
