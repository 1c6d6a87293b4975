"""Functions of DAG files, as Airflow loads them, and what becomes of them in another process."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.submit.items import dump_items
from lithops_provider.jobs.submit.payload import dump_function
from tests.fresh import run_after


def load(path: Path, name: str) -> ModuleType:
    """Loads a file as Airflow does a DAG's: under a name that only this process knows."""
    loader = importlib.machinery.SourceFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def in_a_fresh_process(function: Any, item: Any, extra_args: Any = None) -> Any:
    """Calls a function as it was sent, in a process that knows nothing of this one."""
    script = (
        "import pickle, sys, cloudpickle\n"
        "blob, *blocks = pickle.load(sys.stdin.buffer)\n"
        "from lithops_provider.jobs.remote.frames import ItemBlocks\n"
        "from lithops_provider.jobs.remote.shipped_modules import load_function\n"
        "function, more, shared, _ = load_function(blob)\n"
        "args, kwargs, _ = ItemBlocks(blocks).item(0)\n"
        "sys.stdout.buffer.write(cloudpickle.dumps(function(*args, *more, **kwargs, **shared)))\n"
    )
    binding, items = bind_items(function, [item], extra_args)
    sent = pickle.dumps((dump_function(binding), *dump_items(binding, items).blocks))
    return pickle.loads(run_after("import cloudpickle", script, sent, folder="/"))
