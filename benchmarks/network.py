"""
A job on a real S3 server, with and without a delay of each request, as between a worker and a storage elsewhere; and
how many requests a job takes. The functions run on localhost, and reach the storage through the same proxy.
"""

from __future__ import annotations

import collections
import contextlib
import re
import socket
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.backends.seaweedfs import SeaweedFS

DELAY = 0.05
"""Seconds that each request waits."""
ITEMS = 100
CALLS = 100
"""How many calls a job has whose data is cleaned."""
_REQUEST = re.compile(rb"(GET|PUT|POST|HEAD|DELETE) (\S+) HTTP/1\.1\r\n")


class DelayingProxy:
    """
    Passes connections on to a server, and counts requests.

    :param port: of the server on loopback
    """

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        #: Seconds that each request waits.
        self.delay = 0.0
        self.requests: collections.Counter[str] = collections.Counter()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                for socket_ in (connection, server):
                    socket_.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for arguments in ((connection, server, True), (server, connection, False)):
                    threading.Thread(target=self._pass, args=arguments, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, asks: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if asks and (found := _REQUEST.match(data)):
                    self.requests[found[1].decode()] += 1
                    time.sleep(self.delay)
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()


def measure(repetitions: int) -> dict[str, Any]:
    """
    Run jobs without delay and with it in turn.

    :param repetitions: how often
    :return: medians: ``seconds`` of a job without delay and ``delayed_seconds`` of one with it, ``requests`` of a job
        from its start to its results with ``calls`` calls, by method, and ``clean_seconds`` of a job of `CALLS` calls
        with delay
    """
    found: dict[str, list[float]] = collections.defaultdict(list)
    counted: dict[str, int] = {}
    calls = 0
    with tempfile.TemporaryDirectory(prefix="bench-network-") as folder, SeaweedFS(Path(folder, "s3")) as server:
        port = int(server.endpoint.rpartition(":")[2])
        proxy = DelayingProxy(port)
        config = {
            "lithops": {"backend": "localhost", "storage": "minio"},
            "minio": {**server.config(), "endpoint": f"http://127.0.0.1:{proxy.port}"},
        }
        _job(config, ITEMS)  # makes the bucket, and asks the runtime what it has
        for _ in range(repetitions):
            for name, delay in (("seconds", 0.0), ("delayed_seconds", DELAY)):
                proxy.delay = delay
                proxy.requests.clear()
                seconds, calls, _ = _job(config, ITEMS)
                found[name].append(seconds)
                counted = dict(proxy.requests)
        proxy.delay = DELAY
        _, _, clean_seconds = _job(config, CALLS, batch_size=1)
        proxy.close()
    return {
        **{name: statistics.median(taken) for name, taken in found.items()},
        "requests": counted,
        "calls": calls,
        "clean_seconds": clean_seconds,
    }


def _job(config: dict[str, Any], items: int, **options: Any) -> tuple[float, int, float]:
    """Return the seconds from a new client to the results, the number of calls, and the seconds of cleaning."""
    from lithops_provider.jobs import JobRun, LithopsClient, Options, bind_items, make_spec, resolve_config

    scope: dict[str, Any] = {"__name__": "__main__"}
    # A function of this module would be sent with the project as a whole, which no DAG does.
    exec("def double(number): return 2 * number", scope)
    begin = time.perf_counter()
    client = LithopsClient(resolve_config(config))
    run = JobRun(client, make_spec("map", *bind_items(scope["double"], range(items)), Options(**options)))
    run.submit()
    run.finish()
    if run.results() != [2 * number for number in range(items)]:
        raise RuntimeError("the results are wrong")
    seconds = time.perf_counter() - begin
    begin = time.perf_counter()
    run.clean()
    return seconds, sum(entry.calls for entry in run.job.rounds), time.perf_counter() - begin


if __name__ == "__main__":
    import json

    print(json.dumps(measure(3)))
