"""
The test of a connection, which `LithopsHook.test_connection` offers to Airflow's web interface and command line: it
writes, reads and deletes an object, and runs a function if the connection says so.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any

from lithops_provider.connection.probe import probe_runtime

if TYPE_CHECKING:
    from lithops_provider.jobs.client import LithopsClient

#: Seconds for which a function of the test is waited for.
_FUNCTION_TIMEOUT = 120.0
#: Seconds that a test of the connection may take; clients of clouds try for minutes.
_TEST_TIMEOUT = 20.0


def check_connection(config: dict[str, Any]) -> str:
    """
    Tries a configuration: writes, reads and deletes an object, and finds the interpreter of functions on this machine.

    :param config: the complete Lithops configuration
    :returns: what was found, for users
    :raises TimeoutError: the storage doesn't answer
    :raises RuntimeError: something doesn't work; the message says what to check
    """
    from lithops_provider.jobs.adapter.time_limit import within

    try:
        return within(_TEST_TIMEOUT, lambda: _check(config), "testing the connection")
    except TimeoutError as error:
        storage = config["lithops"]["storage"]
        raise TimeoutError(
            f"storage {storage!r} did not answer within {_TEST_TIMEOUT:g} s; check its endpoint or region, and the "
            "network"
        ) from error


def check_function(client: LithopsClient) -> str:
    """
    Runs a function on the backend of a connection. The runtime is deployed if need be, which takes minutes on some.

    :param client: the client of the connection
    :returns: what was found, for users
    :raises LithopsJobError: the function couldn't be run; the message says why, and names the missing right if the
        cloud does
    :raises RuntimeError: the function ran, but jobs can't run there; the message says why
    """
    found = probe_runtime(client, wait=_FUNCTION_TIMEOUT)
    if found.problems:
        raise RuntimeError("; ".join(found.problems))
    return (
        f". A function ran in {found.runtime!r} with Python {found.python}, Lithops {found.lithops} and "
        f"{len(found.packages)} packages, and has read and written the bucket ({found.seconds:.2f} s)"
    )


def _check(config: dict[str, Any]) -> str:
    """Tries a configuration, and returns what was found."""
    from lithops import __version__
    from lithops.constants import TEMP_PREFIX

    from lithops_provider.jobs.adapter.storage import open_internal_storage

    backend, storage = config["lithops"]["backend"], config["lithops"]["storage"]
    where = _interpreter(config["localhost"]["runtime"]) if backend == "localhost" else f"on {backend}"
    started = time.monotonic()
    try:
        client = open_internal_storage(config)
        key = f"{TEMP_PREFIX}/airflow-test-{uuid.uuid4().hex}"
        client.put_data(key, b"lithops")
        try:
            if (found := client.get_data(key)) != b"lithops":
                raise RuntimeError(f"wrote an object and read {found!r:.100} back")
        finally:
            client.del_data(key)
    except Exception as error:
        # The errors of clients say what, but seldom of what.
        message = str(error) or type(error).__name__
        raise RuntimeError(
            f"storage {storage!r} failed: {message}; check the section {storage!r} of the configuration: its "
            "endpoint or region, credentials and storage_bucket"
        ) from error
    seconds = time.monotonic() - started
    return (
        f"Lithops {__version__} runs functions {where}. Storage {storage}: wrote, read and deleted an object "
        f"in bucket {client.bucket!r} ({seconds:.2f} s)"
    )


def _interpreter(runtime: str) -> str:
    """Returns the words for where localhost runs functions."""
    from lithops.localhost.config import LocalhostEnvironment, get_environment

    if get_environment(runtime) is LocalhostEnvironment.CONTAINER:
        return f"in the container image {runtime!r} on this machine"
    version = platform.python_version()
    if runtime != sys.executable:
        command = [runtime, "-c", "import platform; print(platform.python_version())"]
        try:
            version = subprocess.run(
                command, capture_output=True, check=True, text=True, timeout=_TEST_TIMEOUT / 2
            ).stdout.strip()
        except (OSError, subprocess.SubprocessError) as error:
            raise RuntimeError(f"localhost.runtime {runtime!r} can't be run: {error}") from error
    return f"on this machine with Python {version} ({runtime})"
