"""Functions and items, bound as a job binds them."""

from __future__ import annotations

from typing import Any

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.binding.items import Item


def add(x: int, y: int) -> int:
    return x + y


def bound(function: Any, iterdata: Any, extra_args: Any = None, **options: Any) -> list[Item]:
    """Returns each item's arguments with those that all share, as they are put together in the functions."""
    binding, items = bind_items(function, iterdata, extra_args, **options)
    return [((*args, *binding.args), {**binding.kwargs, **kwargs}) for args, kwargs in items]
