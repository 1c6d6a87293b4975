"""
A container image without a registry: this machine's Python with Lithops and what it needs, and nothing of this project
or of Airflow.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import IO

#: What is installed in it, with what they need in turn.
PACKAGES = ("lithops", "boto3", "redis", "pika")
#: Where they are: Debian's Python would look for them elsewhere than others.
PACKAGES_FOLDER = "/packages"
#: What the tests' modules import and their functions don't need: looking through all that takes Lithops 20 s a job.
NOT_NEEDED = (
    *("pytest", "playwright", "opentelemetry", "openlineage", "numpy", "pandas", "httpx", "matplotlib"),
    *("jwt", "jsonschema"),
)
#: Parts of Python that no function needs.
_LEFT_OUT = {"test", "tests", "site-packages", "dist-packages", "idlelib", "tkinter", "ensurepip", "lib2to3"}
_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")
_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")


def write_image(stream: IO[bytes]) -> None:
    """
    Write the image's files, as a tar archive that ``podman import`` takes.

    :param stream: where to
    """
    interpreter = Path(sys.executable).resolve()
    stdlib = Path(sysconfig.get_path("stdlib")).resolve()
    with tarfile.open(fileobj=stream, mode="w|") as image:
        image.dereference = True
        for folder in ("usr/bin", "usr/lib", "usr/lib64", "tmp", "root", "proc", "sys", "dev", "etc", "run"):
            _folder(image, folder, 0o1777 if folder == "tmp" else 0o755)
        for name in ("bin", "lib", "lib64"):
            _link(image, name, f"usr/{name}")
        _text(image, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        image.add(interpreter)
        _link(image, "usr/bin/python3", str(interpreter))
        binaries = [interpreter]
        for path in _files(stdlib):
            image.add(path, recursive=False)
            if path.suffix == ".so":
                binaries.append(path)
        for path, name in _installed():
            image.add(path, f"{PACKAGES_FOLDER}/{name}", recursive=False)
            if ".so" in path.suffixes:
                binaries.append(path)
        for library in sorted(_libraries(binaries)):
            image.add(library.resolve(), str(library.parent.resolve() / library.name), recursive=False)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if path.name not in _LEFT_OUT and not path.name.startswith("config-"):
                yield from _files(path)
        else:
            yield path


def _installed() -> Iterator[tuple[Path, str]]:
    """Yield the files of the packages, with their names beneath the folder for packages."""
    known: set[str] = set()
    wanted = list(PACKAGES)
    while wanted:
        name = wanted.pop().lower().replace("_", "-")
        if name in known:
            continue
        known.add(name)
        distribution = metadata.distribution(name)
        for requirement in distribution.requires or []:
            needed, _, condition = requirement.partition(";")
            match = _REQUIREMENT.match(needed)
            if match and "extra ==" not in condition and _is_installed(match[0]):
                wanted.append(match[0])
        for file in distribution.files or []:
            path = Path(str(file.locate()))
            if ".." not in file.parts and path.is_file():
                yield path, str(file)


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:  # required on other platforms or by other versions of Python
        return False
    return True


def _libraries(binaries: list[Path]) -> set[Path]:
    """Return the shared libraries that programs need, the loader among them."""
    done = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False)
    own = {binary.parent for binary in binaries}
    return {path for found in _LIBRARY.findall(done.stdout) if (path := Path(found)).parent not in own}


def _folder(image: tarfile.TarFile, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    image.addfile(entry)


def _link(image: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    image.addfile(entry)


def _text(image: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(text)
    image.addfile(entry, io.BytesIO(text.encode()))
