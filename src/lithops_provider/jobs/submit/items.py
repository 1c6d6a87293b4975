"""Pickles items in blocks, as they come out of what the user gave. spec.py calls it."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from lithops_provider.jobs.binding.function import Binding
from lithops_provider.jobs.binding.items import BoundItems
from lithops_provider.jobs.errors import NotPortableError
from lithops_provider.jobs.remote.frames import PICKLED, ItemBlocks, pack_block
from lithops_provider.jobs.submit.payload import by_value, modules_of
from lithops_provider.jobs.submit.pickler import InstancePickler, NeededModules, Shipped
from lithops_provider.jobs.text import short_repr

#: Items of a block at most, and of the first, as long as it isn't known how large they are.
BLOCK_ITEMS = 512
_FIRST_BLOCK = 16
#: Bytes of a block at which it ends.
BLOCK_BYTES = 128 << 10


def dump_items(
    binding: Binding,
    items: Iterable[tuple[Any, ...]],
    modules: NeededModules | None = None,
    shipped: Shipped | None = None,
) -> ItemBlocks:
    """
    Pickles items in blocks.

    :param binding: their function, whose module may define their classes
    :param items: positional arguments, keyword arguments and, optionally, what is to be filled in
    :param modules: gets the names of the modules that they need where they arrive
    :param shipped: gets the classes and functions of the DAG file that they bring
    :raises NotPortableError: an item can't be pickled; the message gives its index
    :raises InvalidInputError: the function doesn't take an item, or there are too many
    """
    with by_value(modules_of(binding.function)):
        pickler = _ItemPickler(modules, shipped)
        return ItemBlocks(_dump_bound(items, pickler) if isinstance(items, BoundItems) else _dump_all(items, pickler))


def dump_arguments(binding: Binding) -> bytes:
    """
    Pickles the arguments that all items share.

    :param binding: has them
    :raises NotPortableError: they can't be pickled
    """
    with by_value(modules_of(binding.function)):
        return _ItemPickler().dump(0, (binding.args, binding.kwargs))


def _dump_bound(items: BoundItems, pickler: _ItemPickler) -> Iterator[bytes]:
    """
    Yields blocks of items as they come out of what the user gave: what is plain data is pickled as a block. Anything
    else is pickled item by item, so that items can be unpickled, and can fail, one by one.
    """
    most = count = _FIRST_BLOCK
    while elements := items.take(most):
        plain = items.bind_plain(elements)
        if plain is None:
            bound = items.bind(elements)
            # Out of an iterator, items come one by one from here on: each is pickled before it can change.
            yield from _dump_all(bound if items.lasting else itertools.chain(bound, items), pickler, items.first)
            continue
        kind, values = plain
        blocks = [pack_block(kind, values)]
        count = len(values)
        while len(blocks[0]) > BLOCK_BYTES and count > 1:  # such a block would keep too much in memory at once
            count = -(-count // 2)
            blocks = [pack_block(kind, values[start : start + count]) for start in range(0, len(values), count)]
        yield from blocks
        most = max(1, min(BLOCK_ITEMS, count if len(blocks[0]) > BLOCK_BYTES // 2 else count * 2))


def _dump_all(items: Iterable[tuple[Any, ...]], pickler: _ItemPickler, first: int = 0) -> Iterator[bytes]:
    """
    Yields blocks of items each of which is pickled for itself.

    :param first: index of the first of them
    """
    blobs: list[bytes] = []
    size = 0
    for index, item in enumerate(items, first):
        blobs.append(pickler.dump(index, item))
        size += len(blobs[-1])
        if len(blobs) == BLOCK_ITEMS or size > BLOCK_BYTES:
            yield pack_block(PICKLED, blobs)
            blobs, size = [], 0
    if blobs:
        yield pack_block(PICKLED, blobs)


class _ItemPickler:
    """
    Pickles items one by one. One pickler does for all of them: making one costs more than pickling an item.

    :param modules: gets the names of the modules that they need where they arrive
    :param shipped: gets the classes and functions of the DAG file that they bring
    """

    def __init__(self, modules: NeededModules | None = None, shipped: Shipped | None = None) -> None:
        self._buffer = io.BytesIO()
        self._pickler = InstancePickler(self._buffer, modules, shipped)

    def dump(self, index: int, item: tuple[Any, ...]) -> bytes:
        """
        Returns a pickled item.

        :param index: its index, for the message
        :param item: positional arguments, keyword arguments and, optionally, what is to be filled in
        :raises NotPortableError: it can't be pickled
        """
        full = item if len(item) == 3 else (*item, None)
        try:
            self._pickler.dump(full)
        except Exception as error:
            raise NotPortableError(f"item {index} can't be shipped: {short_repr(full[:2], 200)}: {error}") from error
        dumped = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        self._pickler.clear_memo()
        return dumped
