"""
Makes the digests by which a cached result is found: one of the function, and one of each item. They are the same on
every machine with the same version of Python, and under every hash seed. rounds.py calls it.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lithops_provider.jobs.adapter.modules import NOT_IN_RUNTIME
from lithops_provider.jobs.adapter.package_data import data_files
from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.jobs.submit.digest import digest_items, digest_pickle
from lithops_provider.jobs.submit.pickle_reader import UndigestibleError

if TYPE_CHECKING:  # importing it imports cloudpickle, which clearing the cache doesn't need
    from lithops_provider.jobs.submit.spec import JobSpec

#: Bytes of an item's digest.
SIZE = 16
#: Endings of the names of modules that are a file each.
_MODULE_FILES = (".py", ".so", ".pyd")


def digest_function(spec: JobSpec) -> str:
    """
    Returns the digest of a job's function: of its code, of what it refers to, of the arguments that all items share,
    of the files of the modules that are shipped with it, of ``cache_version`` and of the version of Python. The modules
    of the items aren't part of it, since they aren't known any more after a deferral.

    :param spec: the job
    :raises InvalidInputError: it can't be told whether two such functions are the same
    """
    try:
        parts = [digest_pickle(spec.function), digest_pickle(spec.shared)]
    except UndigestibleError as error:
        raise InvalidInputError(
            f"cache=True: whether {spec.name}, or what it shares among its items, is the same as in an earlier run "
            f"can't be told: {error}. Have it refer to plain values only, or set cache=False"
        ) from error
    parts += [spec.name, spec.options.cache_version, repr(sys.version_info[:2])]
    parts += _sources({*spec.function_modules, *spec.mentioned_modules, *(spec.options.include_modules or [])})
    return _digest_texts(parts)


def digest_with_items(spec: JobSpec, function: str) -> str:
    """
    Returns the digest under which a job's results are cached: of its function, and of the files of the modules that
    are shipped for its items.

    :param spec: the job
    :param function: from `digest_function`
    """
    return _digest_texts([function, *_sources(spec.modules - spec.function_modules)])


def _digest_texts(texts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()[:32]


def digest_arguments(spec: JobSpec) -> list[bytes]:
    """
    Returns the digest of each item's arguments. If the function takes its ``id``, the item's index is part of it.

    :param spec: the job
    :raises InvalidInputError: it can't be told whether two items are the same
    """
    try:
        digests = list(digest_items(spec.items))
    except UndigestibleError as error:
        raise InvalidInputError(
            f"cache=True: whether the items of {spec.name} are the same as in an earlier run can't be told: {error}. "
            "Give items of plain values, or set cache=False"
        ) from error
    if not spec.takes_index:
        return digests
    return [hashlib.blake2b(b"%d:" % index + one, digest_size=SIZE).digest() for index, one in enumerate(digests)]


def _sources(names: Iterable[str]) -> Iterator[str]:
    """
    Yields the names and the digests of the files of modules, and of the modules that these import. Installed packages
    are left out, since they are assumed to stay the same.

    :raises InvalidInputError: a file can't be read
    """
    roots = sorted({name.partition(".")[0] for name in names})
    seen = {*roots}
    while roots:
        root = roots.pop(0)
        for name, path in _files(root):
            content = _read(path)
            yield f"{name} {hashlib.sha256(content).hexdigest()}"
            new = sorted(_imported(content) - seen) if name.endswith(".py") else []
            seen.update(new)
            roots += new


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInputError(
            f"cache=True: the file {path} of a module that the function needs can't be read, so whether it is as in an "
            f"earlier run can't be told: {error}. Make it readable, or set cache=False"
        ) from error


def _files(root: str) -> list[tuple[str, Path]]:
    """Returns the files of a module that isn't installed, code and data, by their names within it, in order."""
    if root in sys.stdlib_module_names or root in (*NOT_IN_RUNTIME, "__main__"):
        return []
    try:
        spec = importlib.util.find_spec(root)
    except (ImportError, ValueError):  # ValueError: a loaded module without a spec, made by code
        return []
    if spec is None:
        return []
    installed = tuple(sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib"))
    folders = [Path(folder) for folder in spec.submodule_search_locations or []]
    if not folders and spec.origin is not None and spec.origin.endswith(_MODULE_FILES):
        return [] if spec.origin.startswith(installed) else [(Path(spec.origin).name, Path(spec.origin))]
    return [
        (path.relative_to(folder.parent).as_posix(), path)
        for folder in folders
        if not str(folder).startswith(installed)
        for path in (*sorted(folder.rglob("*.py")), *(file for file, _ in data_files(str(folder))))
    ]


@functools.lru_cache(maxsize=1_000)  # parsing takes long, and a job's function is digested before it and after it
def _imported(source: bytes) -> frozenset[str]:
    """Returns the names of the top-level packages that a source file imports anywhere."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):
        return frozenset()
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return frozenset(name.partition(".")[0] for name in names)
