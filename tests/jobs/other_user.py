"""Does something as another user of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

#: A user that has nothing: "nobody".
OTHER = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def as_other_user(action: Callable[[], object]) -> str:
    """
    Returns what an action returns or fails with, as text, in a process of another user.

    :param action: what to do
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:  # nothing of pytest may run in here
        try:
            os.setgroups([])
            os.setgid(OTHER)
            os.setuid(OTHER)
            text = str(action())
        except BaseException as error:
            text = type(error).__name__
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as said:
        text = said.read().decode()
    os.waitpid(pid, 0)
    return text
