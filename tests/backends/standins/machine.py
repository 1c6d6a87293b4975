"""
A machine in a cloud, which is reached by SSH: this one's files and programs, with a network, processes and a disk of
its own, so that nothing that is installed or started there is left behind, or is seen from elsewhere.

    python -m tests.backends.standins.machine FOLDER PORT OUTSIDE...

Whoever connects to PORT of 127.0.0.1 is at the machine's sshd; on the machine, each OUTSIDE is a port of 127.0.0.1 that
leads to the same one here.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

from tools.waiting import wait_until

_CLONE_NEWNET = 0x40000000
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_SSH = 22
_BOOT = Path(__file__).with_suffix(".sh")


def main(folder: str, port: int, outside: list[int]) -> int:
    """
    Runs the machine until it ends, and returns its status.

    :param folder: with its keys
    :param port: where its SSH is reached
    :param outside: ports that are reached from it
    """
    alone = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
    machine = subprocess.Popen([*alone, "sh", str(_BOOT), folder, sys.executable])
    network = Path(f"/proc/{machine.pid}/ns/net")
    wait_until(lambda: os.readlink(network) != os.readlink("/proc/self/ns/net"))
    here = _listen(port)
    there: list[socket.socket] = []
    entered = threading.Event()

    def enter() -> None:
        _enter_network(network)
        there.extend(map(_listen, outside))
        entered.set()
        _forward(here, _SSH)  # the threads that it starts are in the machine's network, too

    threading.Thread(target=enter, daemon=True).start()
    entered.wait()
    for listener, wanted in zip(there, outside, strict=True):
        threading.Thread(target=_forward, args=(listener, wanted), daemon=True).start()
    return machine.wait()


def _enter_network(network: Path) -> None:
    """Moves this thread into a network, of which it makes the loopback interface work."""
    libc = ctypes.CDLL(None, use_errno=True)
    with network.open() as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def _listen(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port), backlog=128)


def _forward(listener: socket.socket, port: int) -> None:
    """Connects whoever connects with a port of 127.0.0.1 in the network of this thread."""
    while True:
        one, _ = listener.accept()
        threading.Thread(target=_connect, args=(one, port), daemon=True).start()


def _connect(one: socket.socket, port: int) -> None:
    with one, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as other:
        back = threading.Thread(target=_copy, args=(other, one), daemon=True)
        back.start()
        _copy(one, other)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), [int(port) for port in sys.argv[3:]]))
