"""Ports of this machine for servers, so that no two of them get the same, whoever starts them."""

from __future__ import annotations

import random
import socket
import sys

FIRST, LAST = 10_000, 32_000
"""Ports to choose from: below those that systems give to outgoing connections, one of which would be in the way."""

_reserved: list[socket.socket] = []


class NoPortError(Exception):
    """No port is free."""


def free_port(preferred: int = 0) -> int:
    """
    Return a port of 127.0.0.1 that nothing listens on, and that no other process gets from here while this one lives.

    :param preferred: the port to take if it is free, or else the next one above it; 0 for any
    """
    first = preferred or random.randrange(FIRST, LAST)
    for port in range(first, first + 100):
        if _is_free(port) and _reserve(port):
            return port
    raise NoPortError(f"No port from {first} to {first + 99} is free.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _reserve(port: int) -> bool:
    """
    Keep a port from other processes until this one ends; return False if another has done that.

    By a name in Linux's abstract namespace, which only one process can have, and which goes with it. Elsewhere two
    test runs that begin at the same moment might choose the same port.
    """
    if sys.platform != "linux":
        return True
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0airflow-provider-lithops-port-{port}")
    except OSError:
        name.close()
        return False
    _reserved.append(name)
    return True
