"""A package of pure Python, built here, so that tests of requirements need no package index."""

from __future__ import annotations

import zipfile
from pathlib import Path


def build(folder: Path, version: str, answer: int) -> str:
    """
    Builds a wheel of the package ``tiny-thing``, whose module has an ``ANSWER``, and returns the requirement for it.

    :param folder: where the wheel is put
    :param version: the package's
    :param answer: the module's
    """
    wheel = folder / f"tiny_thing-{version}-py3-none-any.whl"
    info = f"tiny_thing-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_thing.py", f"ANSWER = {answer}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-thing\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return f"tiny-thing @ {wheel.as_uri()}"
