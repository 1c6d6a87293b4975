"""
Makes Lithops say at once that a machine refuses the login, or that there is no such key. It takes every failure for
that of a machine which is still starting, asks again for minutes, and then says that the machine isn't ready.
compute.py calls `say_refusals` for each standalone backend that it opens.
"""

from __future__ import annotations

import functools
from typing import Any


def say_refusals(handler: Any) -> None:
    """
    Makes a refused login an error, on a machine that was there before: a new one may not know its keys yet.

    :param handler: Lithops's, initialized
    """
    if handler.config["exec_mode"] != "consume":
        return
    machine = handler.backend.master
    get = machine.get_ssh_client

    def get_ssh_client() -> Any:
        client = get()
        client.create_client = functools.partial(_connect, client)
        return client

    machine.get_ssh_client = get_ssh_client


def _connect(client: Any, timeout: int = 2) -> Any:
    import paramiko
    from lithops.standalone import LithopsValidationError

    try:
        return type(client).create_client(client, timeout)
    except (paramiko.AuthenticationException, FileNotFoundError, PermissionError) as error:
        login = client.ssh_credentials
        # Lithops takes any other error for that of a starting machine. refusals.py knows this one by its first word.
        raise LithopsValidationError(
            f"Forbidden: no login at {client.ip_address} as {login['username']!r} with the key "
            f"{login.get('key_filename')!r}: {type(error).__name__}: {error}"
        ) from error
