"""
Finds the data files, such as tables, of the user's own packages, since Lithops ships Python code only. compute.py sends
them with the code, so that a package beside a DAG file finds them where its functions run.
"""

from __future__ import annotations

import base64
import os
import site
import sysconfig
from collections.abc import Collection, Iterator
from pathlib import Path

from lithops_provider.jobs.errors import NotPortableError

#: Bytes of data files that all packages of a job may have together. They are stored with the function, and each call
#: of the job loads and unpacks them before it begins: with a thousand calls of 10 MiB that is 10 GiB already.
MAX_PACKAGE_DATA = 10 << 20

#: Endings of files that don't count as data: Lithops ships the code itself, and compiled files fit this machine only.
_NOT_DATA = (".py", ".pyc", ".pyo", ".pyd", ".so", ".dylib")
_LARGEST = 3


def package_data(paths: Collection[str]) -> dict[str, str]:
    """
    Returns the contents of data files in base64, by the paths that they get beside the code where the functions run;
    Lithops's `create_module_data` returns code in the same form. Installed packages are left out, and so are hidden
    files and folders such as `.git` and `.env`.

    :param paths: the files and folders of the modules that are shipped
    :raises NotPortableError: there is too much, or a file can't be read; the message names it
    """
    found = {folder: list(data_files(folder)) for folder in sorted(paths) if _is_own_package(folder)}
    total = sum(size for files in found.values() for _, size in files)
    if total > MAX_PACKAGE_DATA:
        raise NotPortableError(_too_much(found, total))
    return {
        file.relative_to(Path(folder).parent).as_posix(): base64.b64encode(_read(file)).decode()
        for folder, files in found.items()
        for file, _ in files
    }


def _is_own_package(path: str) -> bool:
    installed = {*site.getsitepackages(), site.getusersitepackages(), *sysconfig.get_paths().values()}
    parents = {str(parent) for parent in Path(path).parents}
    return os.path.isdir(path) and installed.isdisjoint(parents)


def data_files(folder: str) -> Iterator[tuple[Path, int]]:
    """
    Yields the data files of a package that are shipped with it, and the bytes of each, in the same order everywhere.

    :param folder: the package's folder
    """
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
        for name in sorted(files):
            file = Path(root, name)
            # is_file: reading a pipe would wait for ever.
            if not name.startswith(".") and not name.endswith(_NOT_DATA) and file.is_file():
                yield file, file.stat().st_size


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotPortableError(
            f"the file {file}, which is in a package that the function needs, can't be read: {error}"
        ) from error


def _too_much(found: dict[str, list[tuple[Path, int]]], total: int) -> str:
    folder, files = max(found.items(), key=lambda entry: sum(size for _, size in entry[1]))
    largest = sorted(files, key=lambda entry: -entry[1])[:_LARGEST]
    named = ", ".join(f"{file.relative_to(folder).as_posix()} ({_megabytes(size)})" for file, size in largest)
    return (
        f"the packages that the function needs have data files of {_megabytes(total)}, and "
        f"{_megabytes(MAX_PACKAGE_DATA)} may travel with a job; the package {os.path.basename(folder)} ({folder}) has "
        f"{_megabytes(sum(size for _, size in files))}, the largest of it: {named}. Put large files into the storage "
        "and give them to the function as objects, move those that it doesn't need out of the package, or give the "
        "name of the package in exclude_modules if the runtime has it"
    )


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"
