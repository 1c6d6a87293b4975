"""Does something as another user of this machine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable

import pytest

from tests.programs import run_forked

#: A user that has nothing: "nobody".
OTHER = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def as_other_user(action: Callable[[], object]) -> str:
    """
    Returns what an action returns or fails with, as text, in a process of another user.

    :param action: what to do
    """
    with tempfile.TemporaryFile() as said:

        def act() -> None:
            try:
                os.setgroups([])
                os.setgid(OTHER)
                os.setuid(OTHER)
                text = str(action())
            except Exception as error:
                text = type(error).__name__
            os.write(said.fileno(), text.encode())

        assert run_forked(act) == 0
        said.seek(0)
        return said.read().decode()
