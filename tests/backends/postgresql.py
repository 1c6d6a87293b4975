"""PostgreSQL, with a password."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import psycopg2

from tests.backends.install import debian
from tests.backends.server import Server, ServerError, free_ports
from tests.conftest import ROOT

USER, PASSWORD = "airflow", "s3cret-of-postgresql"


class PostgreSQL(Server):
    """It refuses to run as root, who runs it as the user that comes with Debian's package."""

    #: It gives back its shared memory.
    farewell = 10.0

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.program = Path(debian("/usr/lib/postgresql/*/bin/postgres", "postgresql"))
        (self.port,) = free_ports(1)
        self.data = folder / "data"
        self.data.mkdir(0o700)
        self._as: list[str] = []
        if os.geteuid() == 0:
            self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            shutil.chown(self.data, "postgres", "postgres")
            ROOT.chmod(0o711)  # that user's way to the folder

    @property
    def url(self) -> str:
        """How SQLAlchemy names its database, driver included: the default one differs between its versions."""
        return f"postgresql+psycopg2://{USER}:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Make the database, and start it."""
        initdb = [*self._as, self.program.with_name("initdb"), "--pgdata", self.data, "--no-sync", "--locale=C"]
        password = self.folder / "password"
        password.write_text(PASSWORD)
        access = ["--encoding=UTF8", "--auth=scram-sha-256", "--username", USER, "--pwfile", password]
        done = subprocess.run([*initdb, *access], cwd=self.data, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServerError(f"initdb ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        super().start()

    def command(self) -> list[str | Path]:
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "fsync": "off"}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [*self._as, self.program, "-D", self.data, *options]

    def answers(self) -> bool:
        try:
            psycopg2.connect(host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname="postgres").close()
        except psycopg2.OperationalError:  # nothing listens, or it is starting
            return False
        return True
