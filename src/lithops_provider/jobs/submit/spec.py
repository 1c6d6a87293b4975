"""
A job that is ready to be sent: its function and items, checked and pickled. A task's run and scripts make a `JobSpec`
with `make_spec` and give it to `JobRun`. A task's durable state recognises the job of an earlier try by the digests.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import logging
import pickle
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lithops_provider.jobs.binding.drivers import Driver
from lithops_provider.jobs.binding.function import Binding
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.job import JobKind
from lithops_provider.jobs.remote.frames import ItemBlocks
from lithops_provider.jobs.submit.batching import BatchSize, check_batch_size
from lithops_provider.jobs.submit.digest import digest_pickle
from lithops_provider.jobs.submit.imports import all_imports, certain_imports, entry_code
from lithops_provider.jobs.submit.items import dump_arguments, dump_items
from lithops_provider.jobs.submit.payload import dump_function
from lithops_provider.jobs.submit.pickle_reader import UndigestibleError
from lithops_provider.jobs.submit.pickler import NeededModules, Shipped

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """
    How the functions are to run. Parameters that Lithops's `FunctionExecutor.map` also has mean the same as there.

    :param batch_size: items per call, or "auto"
    :param max_concurrency: calls at most; None for no limit
    :param timeout: seconds that an item has; None for the configured ``execution_timeout``
    :param runtime_memory: MB; None for the configured
    :param extra_env: environment variables for the functions
    :param include_modules: modules to ship; None ships none, an empty list what the function needs
    :param exclude_modules: modules not to ship
    :param check_runtime: whether to look, before anything is sent, if the runtime has what the function imports
    :param cache: whether items take the results that they had in earlier runs, see `lithops_provider.jobs.submit.cache`
    :param cache_version: results of another version aren't taken
    :param cache_expiration: seconds after which results aren't taken any more; None for never
    """

    batch_size: BatchSize = "auto"
    max_concurrency: int | None = None
    timeout: float | None = None
    runtime_memory: int | None = None
    extra_env: dict[str, str] = field(default_factory=dict)
    include_modules: list[str] | None = field(default_factory=list)
    exclude_modules: list[str] = field(default_factory=list)
    check_runtime: bool = True
    cache: bool = False
    cache_version: str = ""
    cache_expiration: float | None = None

    def check(self) -> None:
        """
        Checks the values.

        :raises InvalidInputError: one is wrong
        """
        check_batch_size(self.batch_size)
        for name in ("timeout", "runtime_memory"):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
            if value is not None and not number:
                unit = "seconds" if name == "timeout" else "MB"
                raise InvalidInputError(f"{name} must be a positive number of {unit}, got {value!r}")
        if self.cache_expiration is not None and not self.cache_expiration > 0:
            raise InvalidInputError(f"cache_expiration must be longer than nothing, got {self.cache_expiration:g} s")


@dataclass(frozen=True)
class JobSpec:
    """
    A job that is ready to be sent.

    :param kind: ``call``, ``map`` or ``reduce``
    :param name: the function's name
    :param function: the pickled function, with the arguments that all items share
    :param items: the pickled arguments of the items
    :param modules: names of the modules that the job may need where it runs
    :param options: how to run it
    :param required_modules: names of the modules without which no call can run
    :param mentioned_modules: names of the modules that the function's body imports, perhaps in some calls only
    :param shared: the pickled arguments that all items share
    :param takes_object: whether items are objects in storage
    :param reduces: whether it is a reduce, or the map of a reduce by key
    :param takes_index: whether the function is given the index of its item, as ``id``
    :param function_modules: names of the modules that the function may need, without those of the items
    :param bare_function: the function, pickled without its `WithDefaults` values; empty if it has no such values
    """

    kind: JobKind
    name: str
    function: bytes
    items: ItemBlocks
    modules: set[str]
    options: Options
    required_modules: set[str] = field(default_factory=set)
    mentioned_modules: set[str] = field(default_factory=set)
    shared: bytes = b""
    takes_object: bool = False
    reduces: bool = False
    takes_index: bool = False
    function_modules: set[str] = field(default_factory=set)
    bare_function: bytes = b""

    @property
    def imports_packages(self) -> bool:
        """Whether the function and its items may import modules other than Python's own."""
        roots = {name.partition(".")[0] for name in self.required_modules | self.mentioned_modules}
        return not roots <= {"__main__", "cloudpickle", *sys.stdlib_module_names}

    @functools.cached_property
    def digests(self) -> dict[str, str]:
        """
        Digests of the items, of the arguments that they share, and of the function. By these, a later try of the task
        recognises its job. The digest of the items is one of their bytes; if it differs, `same_items` compares their
        values. The values of a `WithDefaults` are left out, since some, such as ``try_number``, change with each try.
        """
        of_items = hashlib.sha256()
        for block in self.items.blocks:
            of_items.update(block)
        digests = {"items": of_items.hexdigest()[:32]}
        problems: dict[str, UndigestibleError] = {}
        for what, blob in (("shared", self.shared), ("function", self.bare_function or self.function)):
            try:
                digests[what] = digest_pickle(blob)
            except UndigestibleError as error:
                digests[what] = hashlib.sha256(blob).hexdigest()[:32]
                problems[what] = error
        if problems:
            logger.warning(
                "Whether %s, or what it shares among its items, have changed can be told by their bytes only: %s",
                self.name,
                "; ".join(map(str, problems.values())),
            )
        return digests


def same_items(old: ItemBlocks, new: ItemBlocks) -> bool:
    """
    Tells whether two jobs' items have equal values, though their bytes may differ.

    :param old: pickled items
    :param new: other pickled items
    """
    try:
        return len(old) == len(new) and all(
            one == other or digest_pickle(one) == digest_pickle(other)
            for one, other in zip(_pickled(old), _pickled(new), strict=True)
        )
    except UndigestibleError as error:  # False is safe: it runs items twice at worst, True could give wrong results
        logger.warning("Whether the items have changed can't be told, so they are taken for others: %s", error)
        return False


def _pickled(items: ItemBlocks) -> Iterator[bytes]:
    """Yields the pickle of each item."""
    for _, item in items:
        yield item if isinstance(item, bytes) else pickle.dumps(item, protocol=pickle.HIGHEST_PROTOCOL)


def make_spec(
    kind: JobKind,
    binding: Binding,
    items: Iterable[tuple[Any, ...]] | ItemBlocks,
    options: Options | None = None,
) -> JobSpec:
    """
    Binds and pickles items, and pickles their function.

    :param kind: ``call``, ``map`` or ``reduce``
    :param binding: from `lithops_provider.jobs.binding.function`
    :param items: its items, from `lithops_provider.jobs.binding.function`, or items that were pickled before
    :param options: how to run them
    :raises InvalidInputError: an option is wrong, the function doesn't take an item, or something can't be pickled
    """
    options = options or Options()
    options.check()
    modules = NeededModules()
    shipped: Shipped = {}
    code = entry_code(binding.function)
    blocks = items if isinstance(items, ItemBlocks) else dump_items(binding, items, modules, shipped)
    of_function = NeededModules()
    function = dump_function(binding, of_function, shipped)
    modules.shipped |= of_function.shipped
    modules.required |= of_function.required
    return JobSpec(
        kind=kind,
        name=binding.name,
        function=function,
        items=blocks,
        modules=modules.shipped,
        options=options,
        required_modules=modules.required | (certain_imports(code) if code else set()),
        mentioned_modules=all_imports(code) if code else set(),
        bare_function=dump_function(dataclasses.replace(binding, defaults=())) if binding.defaults else b"",
        shared=dump_arguments(binding),
        takes_object=binding.takes_object,
        takes_index="id" in binding.injected,
        function_modules=of_function.shipped,
        reduces=kind == "reduce" or isinstance(binding.function, Driver),
    )
