"""
Fresh interpreters for code that looks at what is imported: forks of one that has imported Airflow, and nothing of us.

Importing Airflow takes seconds of a core. One does it for all tests of a session.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tools.waiting import HANGS

_SERVER = """
import json, os, signal, sys, traceback
import airflow.sdk

for line in sys.stdin:
    reading, writing = os.pipe()
    if not (child := os.fork()):
        signal.alarm(HANGS)
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        status = 1
        try:
            exec(json.loads(line), {"__name__": "__main__"})
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, errors="replace") as file:
        output = file.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps([status, output]), flush=True)
"""

_servers: list[subprocess.Popen[str]] = []


def run_after_airflow(code: str) -> str:
    """
    Run code in an interpreter that has imported ``airflow.sdk`` and nothing of this project; return what it prints.

    :param code: the code; what it raises fails the test
    """
    if not _servers:
        command = [sys.executable, "-c", _SERVER.replace("HANGS", str(int(HANGS)))]
        _servers.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    try:
        status, output = _ask(_servers[0], code)
    except BaseException:  # a time limit is up: it may answer later, which mustn't be taken for another test's answer
        _servers.pop().kill()
        raise
    if status:
        pytest.fail(output, pytrace=False)
    return output


def _ask(server: subprocess.Popen[str], code: str) -> tuple[int, str]:
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps(code) + "\n")
    server.stdin.flush()
    while not (line := server.stdout.readline()).startswith("["):  # Airflow may say something while it is imported
        assert line, "the interpreter has ended"
    status, output = json.loads(line)
    return int(status), str(output)


def end() -> None:
    """End the interpreter that the others were forked from."""
    while _servers:
        with _servers.pop() as server:
            assert server.stdin is not None
            server.stdin.close()
            server.wait(HANGS)
