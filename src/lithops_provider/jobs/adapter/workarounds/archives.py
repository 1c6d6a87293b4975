"""
Gives each process its own file for the archive that Lithops uploads as a function. compute.py calls it before it opens
a serverless backend.
"""

from __future__ import annotations

import importlib
import os
import tempfile
import uuid

#: Backends that make the archive when they deploy a runtime, and then remove it. Lithops gives it a fixed name in the
#: working directory. A worker may not be allowed to write there, and of two tasks that deploy at once, one would upload
#: the other's half-written file. Other backends with such a file build images from it, so there it keeps its place.
BACKENDS = ("ibm_cf", "openwhisk")


def use_own_archive(backend: str) -> None:
    """
    Makes this process write the archive of a backend to a file of its own.

    :param backend: name of the compute backend
    """
    if backend in BACKENDS:
        config = importlib.import_module(f"lithops.serverless.backends.{backend}.config")
        name = f"lithops-{backend}-{uuid.uuid4().hex}.zip"
        config.FH_ZIP_LOCATION = os.path.join(tempfile.gettempdir(), name)  # type: ignore[attr-defined]
