"""A real Airflow for as long as a command runs, in a temporary folder that is removed at its end."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.airflow_stack import AirflowStack

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "example_dags"


@contextmanager
def temporary_airflow(
    dags: Sequence[Path] = (EXAMPLES,), *, port: int | None = None, env: Mapping[str, str] | None = None
) -> Iterator[AirflowStack]:
    """
    Start an Airflow, and stop it and remove its folder whatever happens, Ctrl-C and SIGTERM included.

    :param dags: folders with DAG files
    :param port: port of its web interface; a free one unless given
    :param env: environment variables for its components and tasks
    """
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="airflow-lithops-") as home:
        stack = AirflowStack(Path(home) / "airflow", dags, port=port, env=env)
        say("Starting Airflow (api-server, scheduler, dag-processor, triggerer); that takes about half a minute")
        start = time.monotonic()
        try:
            stack.start()
            say(f"Airflow is ready after {time.monotonic() - start:.0f} s: {stack.url}")
            yield stack
        finally:
            # Another Ctrl-C now would leave processes behind.
            for signum in (signal.SIGINT, signal.SIGTERM):
                signal.signal(signum, signal.SIG_IGN)
            say("Stopping Airflow")
            left = stack.stop()
        for line in left:  # not after Ctrl-C, which may well have interrupted tasks
            print(f"warning: it had left a process, which was ended: {line}", file=sys.stderr)


def say(text: str) -> None:
    """
    Tell the user what happens now.

    :param text: one line
    """
    print(f"== {text}", flush=True)
