"""
Starts the runner of a job on this machine before the job is known, so that it imports Lithops while the job's items are
still being bound and pickled. compute.py prepares a runner for a task's run; localhost.py gives it the job.

The last part of this module runs in that process, and in the processes that fork_server.py forks: both learn which job
is theirs after they have started.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys

from lithops_provider.jobs.adapter.environment import environment_of_functions

#: Source of the process. What takes the place of ``prepare`` leaves the runner's ``main`` in a variable of that name.
_PROCESS = """
{prepare}
from lithops_provider.jobs.adapter.prepared_runner import await_job
if await_job({sign}):
    main()
"""
#: Seconds that the process may take to import everything.
_TO_START = 300.0


class PreparedRunner:
    """
    A process that has imported what a runner needs, and waits for its job. If it gets none, it ends with this process.

    :param prepare: source that prepares a runner, and leaves the runner's ``main`` in a variable of that name
    :param log: file that takes what the runner prints
    """

    def __init__(self, prepare: str, log: str) -> None:
        self._prepare = prepare
        self._environment = environment_of_functions(os.environ)
        self._starter = os.getpid()
        self._sign, sign = os.pipe()
        try:
            with open(log, "ab") as output:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", _PROCESS.format(prepare=prepare, sign=sign)],
                    env=self._environment,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=(sign,),
                    start_new_session=True,
                )
        except BaseException:
            os.close(self._sign)
            raise
        finally:
            os.close(sign)

    def run(self, prepare: str, file: str, imports_packages: bool) -> subprocess.Popen[bytes] | None:
        """
        Gives the runner a job.

        :param prepare: the source with which the job's runner would be started now
        :param file: the job file
        :param imports_packages: whether the functions may import more than Python's own modules
        :returns: the runner's process, which can be found as the job's by now; None if it has died, or if the job needs
            another runner, so that this one was ended
        """
        as_wanted = (prepare, environment_of_functions(os.environ), os.getpid())
        if as_wanted != (self._prepare, self._environment, self._starter):
            self.discard()
            return None
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(json.dumps({"file": file, "imports_packages": imports_packages}).encode())
        answers = select.select([self._sign], [], [], _TO_START)[0] and os.read(self._sign, 1)
        os.close(self._sign)
        if answers:
            return self._process
        self._process.kill()
        self._process.wait()
        return None

    def discard(self) -> None:
        """Ends the runner. In a fork of the process that has started it, this only closes its pipes."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        os.close(self._sign)
        if os.getpid() == self._starter:
            self._process.kill()
            self._process.wait()


_prepared: PreparedRunner | None = None


def keep_prepared(runner: PreparedRunner) -> None:
    """
    Keeps a runner for the first call of `take_prepared`. One that was kept before is ended.

    :param runner: the runner
    """
    global _prepared
    discard_prepared()
    _prepared = runner


def take_prepared() -> PreparedRunner | None:
    """Returns the runner that is kept, and keeps it no longer; None if there is none."""
    global _prepared
    taken, _prepared = _prepared, None
    return taken


def discard_prepared() -> None:
    """Ends the runner that is kept, if there is one."""
    if (left := take_prepared()) is not None:
        left.discard()


# -- in the process of a runner --------------------------------------------------------------------------------


def await_job(sign: int) -> bool:
    """
    Waits for the job of this process, and makes this process the job's runner.

    :param sign: descriptor of a pipe, to which a byte is written once this process can be found as the job's runner
    :returns: whether there is a job
    """
    given = sys.stdin.buffer.read()
    if not given:
        return False
    job = json.loads(given)
    become_runner(job["file"])
    os.write(sign, b"1")
    os.close(sign)
    if job["imports_packages"]:
        with contextlib.suppress(ImportError):  # Lithops's own runner imports it, too, if it is installed
            import numpy  # noqa: F401
    return True


def become_runner(file: str) -> None:
    """
    Makes this process the runner of a job: Lithops reads the command line, and follow/processes.py the title, since
    the process has no command line that names its job.

    :param file: the job file
    """
    from setproctitle import setproctitle  # comes with Airflow

    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    sys.argv = ["runner", "run_job", file]
    setproctitle(f"lithops runner {file}")
