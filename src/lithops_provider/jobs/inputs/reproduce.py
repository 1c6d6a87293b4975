"""
Turns an item of a job into a function call in this process, for a debugger. `LithopsHook.load_item` calls it. It
unpickles what was stored when the job was sent, so it must only be used on jobs that one trusts.
"""

from __future__ import annotations

import functools
import pickle
from typing import Any

from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError, StorageUnavailableError
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.injection import Injection
from lithops_provider.jobs.remote.keys import FUNCTION
from lithops_provider.jobs.submit.plan import load_items


def load_item(client: LithopsClient, job: LithopsJob, index: int) -> functools.partial[Any]:
    """
    Returns the user's function with the arguments of an item. Calling it does here what the job did for the item.

    :param client: where the job's data is
    :param job: its value
    :param index: the item
    :raises InvalidInputError: the job has no such item
    :raises StorageUnavailableError: the job's data is gone
    """
    if not 0 <= index < job.items:
        raise InvalidInputError(f"the job {job.executor_id} has {job.items} item(s), and no item {index}")
    client.check_holds(job)
    items = load_items(client, job)
    code = client.get(job.bucket, f"{job.round_prefix()}/{FUNCTION}")
    if items is None or code is None:
        raise StorageUnavailableError(f"the data of job {job.executor_id} is gone from {job.storage}://{job.bucket}")
    wrapper = pickle.loads(pickle.loads(code)["func"])
    function, common_args, common_kwargs, injection = pickle.loads(wrapper.keywords["function"])
    args, kwargs, special = items.item(index)
    args, kwargs = Injection(*injection, config=client.config)(
        index, (*args, *common_args), {**common_kwargs, **kwargs}, special
    )
    return functools.partial(function, *args, **kwargs)
