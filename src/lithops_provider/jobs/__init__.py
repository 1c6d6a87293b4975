"""
Jobs: everything that talks to Lithops. Imports no Airflow, so a plain script can use it:

- `resolve_config` makes a configuration, and `LithopsClient` talks to the backends that it names;
- `bind_call`, `bind_items`, `bind_object`, `bind_objects` and `bind_reduce` match arguments with a function's
  parameters, `make_spec` pickles them, and `JobRun` sends them, follows them and gathers their outcomes;
- `LithopsJob` is a job's value: with it, any other process can go on by `wait_for_job`, `gather_results`,
  `iter_results` or `cancel_job`.

The names in `__all__` are public and are to be imported from here. Only `LithopsJob` and `Round` are imported at once,
since all of Airflow's processes load them; the other modules are imported when a name of theirs is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.job import LithopsJob, Round

if TYPE_CHECKING:
    from lithops_provider.jobs.binding.function import bind_call, bind_items
    from lithops_provider.jobs.cancel import cancel_job
    from lithops_provider.jobs.clean import clean_job, clean_older_than
    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.config.resolve import resolve_config
    from lithops_provider.jobs.inputs.by_key import ReduceByKey
    from lithops_provider.jobs.inputs.objects import bind_object, bind_objects
    from lithops_provider.jobs.inputs.reduce import bind_reduce, reduce_items
    from lithops_provider.jobs.inputs.reductions import Reduction, TreeReduce
    from lithops_provider.jobs.run import JobRun, reduce_job
    from lithops_provider.jobs.submit.spec import Options, make_spec
    from lithops_provider.jobs.wait import check_results, gather_results, iter_results, look_at_job, wait_for_job

__all__ = [
    "JobRun",
    "LithopsClient",
    "LithopsJob",
    "Options",
    "ReduceByKey",
    "Reduction",
    "Round",
    "TreeReduce",
    "bind_call",
    "bind_items",
    "bind_object",
    "bind_objects",
    "bind_reduce",
    "cancel_job",
    "check_results",
    "clean_job",
    "clean_older_than",
    "gather_results",
    "iter_results",
    "look_at_job",
    "make_spec",
    "reduce_items",
    "reduce_job",
    "resolve_config",
    "wait_for_job",
]

_MODULES = {
    "JobRun": "run",
    "LithopsClient": "client",
    "Options": "submit.spec",
    "ReduceByKey": "inputs.by_key",
    "Reduction": "inputs.reductions",
    "TreeReduce": "inputs.reductions",
    "bind_call": "binding.function",
    "bind_items": "binding.function",
    "bind_object": "inputs.objects",
    "bind_objects": "inputs.objects",
    "bind_reduce": "inputs.reduce",
    "cancel_job": "cancel",
    "check_results": "wait",
    "clean_job": "clean",
    "clean_older_than": "clean",
    "gather_results": "wait",
    "iter_results": "wait",
    "look_at_job": "wait",
    "make_spec": "submit.spec",
    "reduce_items": "inputs.reduce",
    "reduce_job": "run",
    "resolve_config": "config.resolve",
    "wait_for_job": "wait",
}


def __getattr__(name: str) -> Any:
    """Returns a name of `__all__`, whose module is imported only now."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
