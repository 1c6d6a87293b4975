"""
Gives each process its own file for the archive that Lithops uploads as a function. compute.py calls it before it opens
a serverless backend.
"""

from __future__ import annotations

import functools
import importlib
import os
import tempfile
import uuid

#: Backends that make the archive when they deploy a runtime, and then remove it. Lithops gives it a fixed name in the
#: working directory. A worker may not be allowed to write there, and of two tasks that deploy at once, one would upload
#: the other's half-written file. Other backends with such a file build images from it, so there it keeps its place; AWS
#: Lambda's does both.
BACKENDS = ("azure_functions", "ibm_cf", "openwhisk")


def use_own_archive(backend: str) -> None:
    """
    Makes this process write the archive of a backend to a file of its own.

    :param backend: name of the compute backend
    """
    if backend in BACKENDS:
        config = importlib.import_module(f"lithops.serverless.backends.{backend}.config")
        config.FH_ZIP_LOCATION = _own_file(backend)  # type: ignore[attr-defined]
    elif backend == "aws_lambda":
        _use_own_archives_of_lambda()


@functools.cache
def _use_own_archives_of_lambda() -> None:
    """Leaves alone the archive that an image is built of: that is one which isn't removed at once."""
    module = importlib.import_module("lithops.serverless.backends.aws_lambda.aws_lambda")
    module.BUILD_LAYER_FUNCTION_ZIP = _own_file("layer")  # type: ignore[attr-defined]
    create = module.AWSLambdaBackend._create_handler_bin
    shared, own = module.LITHOPS_FUNCTION_ZIP, _own_file("aws_lambda")

    def create_handler_bin(remove: bool = True) -> bytes:
        module.LITHOPS_FUNCTION_ZIP = own if remove else shared  # type: ignore[attr-defined]
        try:
            archive: bytes = create(remove)
            return archive
        finally:
            module.LITHOPS_FUNCTION_ZIP = shared  # type: ignore[attr-defined]

    module.AWSLambdaBackend._create_handler_bin = staticmethod(create_handler_bin)


def _own_file(name: str) -> str:
    return os.path.join(tempfile.gettempdir(), f"lithops-{name}-{uuid.uuid4().hex}.zip")
