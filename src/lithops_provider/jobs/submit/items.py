"""Pickles items in blocks, while they are taken out of what the user gave. spec.py calls it."""

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
from lithops_provider.jobs.submit.spool import BlockSpool
from lithops_provider.jobs.text import short_repr

#: How many items a block has at most; and the first block, when it isn't known yet how large items are.
BLOCK_ITEMS = 512
_FIRST_BLOCK = 16
#: How many bytes a block has at about the most.
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
    :param modules: gets the names of the modules that the items need where they are unpickled
    :param shipped: gets the classes and functions of the DAG file that are pickled with the items
    :raises NotPortableError: an item can't be pickled; the message gives its index
    :raises InvalidInputError: the function doesn't take an item, or there are too many
    """
    with by_value(modules_of(binding.function)):
        pickler = _ItemPickler(modules, shipped)
        blocks = _dump_bound(items, pickler) if isinstance(items, BoundItems) else _dump_all(items, pickler)
        return ItemBlocks(blocks, keep=BlockSpool)


def dump_arguments(binding: Binding) -> bytes:
    """
    Pickles the arguments that all items share.

    :param binding: the function with these arguments
    :raises NotPortableError: they can't be pickled
    """
    with by_value(modules_of(binding.function)):
        return _ItemPickler().dump(0, (binding.args, binding.kwargs))


def _dump_bound(items: BoundItems, pickler: _ItemPickler) -> Iterator[bytes]:
    """
    Yields blocks of items while they are taken out of what the user gave. Items of plain data are pickled as a block.
    Others are pickled one by one, so that they can be unpickled, and can fail, one by one.
    """
    most = count = _FIRST_BLOCK
    while elements := items.take(most):
        plain = items.bind_plain(elements)
        if plain is None:
            bound = items.bind(elements)
            # An iterator's items are taken one by one from here on: each is pickled before it can change.
            yield from _dump_all(bound if items.lasting else itertools.chain(bound, items), pickler, items.first)
            continue
        kind, values = plain
        blocks = [pack_block(kind, values)]
        count = len(values)
        while len(blocks[0]) > BLOCK_BYTES and count > 1:  # whoever reads a block has all of it in memory
            count = -(-count // 2)
            blocks = [pack_block(kind, values[start : start + count]) for start in range(0, len(values), count)]
        yield from blocks
        most = max(1, min(BLOCK_ITEMS, count if len(blocks[0]) > BLOCK_BYTES // 2 else count * 2))


def _dump_all(items: Iterable[tuple[Any, ...]], pickler: _ItemPickler, first: int = 0) -> Iterator[bytes]:
    """
    Yields blocks of items each of which is pickled separately.

    :param first: index of the first item
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
    Pickles items one by one, all with the same pickler: making one takes longer than pickling an item.

    :param modules: see `dump_items`
    :param shipped: see `dump_items`
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
