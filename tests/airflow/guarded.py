"""A second API server on the tests' Airflow, which asks for a login as that of a team does."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt

from tools import processes
from tools.airflow_stack import AirflowStack, StackError
from tools.ports import free_port
from tools.waiting import HANGS, wait_until

#: The only DAG that the user ``limited`` may see.
SEEN = "page_many"

#: Name of its log.
LOG = "guarded-server"

ROOT = Path(__file__).parent.parent.parent


class Guarded:
    """
    The server.

    :param url: its address
    :param stack: the Airflow it belongs to
    :param process: its process
    """

    def __init__(self, url: str, stack: AirflowStack, process: subprocess.Popen[bytes]) -> None:
        self.url = url
        self._log = stack.log_file(LOG)
        self._process = process
        self._secret = stack.env["AIRFLOW__API_AUTH__JWT_SECRET"]
        self._token = stack.api.token

    def wait(self) -> None:
        """Wait until it answers."""
        wait_until(self._answers, lambda: self._log.read_text()[-3000:], interval=0.2)

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise StackError(f"the second API server has ended\n{self._log.read_text()[-3000:]}")
        try:
            return httpx.get(f"{self.url}/api/v2/version", trust_env=False, timeout=HANGS).is_success
        except httpx.TransportError:
            return False

    def token(self, user: str = "viewer", role: str | None = "VIEWER", *, age: float = 0.0) -> str:
        """
        Return what a login gives.

        :param user: the user's name
        :param role: the role
        :param age: seconds ago at which it has expired; 0 for one that is good
        """
        algorithm = jwt.get_unverified_header(self._token)["alg"]
        claims: dict[str, Any] = jwt.decode(self._token, options={"verify_signature": False})
        claims |= {"sub": user, "role": role}
        if age:
            claims |= {"exp": int(time.time() - age), "iat": int(time.time() - age - 60)}
        return jwt.encode(claims, self._secret, algorithm=algorithm)

    def get(self, path: str, token: str | None = None, **parameters: Any) -> httpx.Response:
        """
        Ask for something.

        :param path: below the page's own, or of Airflow with a slash at its beginning
        :param token: of `token`; None for nobody
        :param parameters: of the query
        """
        cookies = {"_token": token} if token is not None else {}
        with httpx.Client(cookies=cookies, trust_env=False, timeout=HANGS) as client:
            return client.get(f"{self.url}/lithops/{path}", params=parameters)


@contextmanager
def guarded_server(stack: AirflowStack) -> Iterator[Guarded]:
    """
    Start the server, which answers some seconds later, and end it.

    :param stack: the Airflow it belongs to
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__AUTH_MANAGER": "tests.airflow.auth.ByDagAuthManager",
        "AIRFLOW__API__BASE_URL": url,
        "PYTHONPATH": str(ROOT),
    }
    arguments = ["api-server", "--host", "127.0.0.1", "--apps", "core", "--port", str(port)]
    with stack.log_file(LOG).open("ab") as output:
        server = subprocess.Popen(
            [stack.python, "-m", "airflow", *arguments],
            env=stack.env | settings,
            cwd=stack.home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Guarded(url, stack, server)
    finally:
        server.terminate()
        server.wait(HANGS)
        processes.end(processes.in_session(server.pid))
