"""Podman: containers for Lithops's localhost backend, from an image of this machine's Python."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.backends.image import PACKAGES_FOLDER, write_image
from tests.backends.install import debian
from tests.backends.server import Server

IMAGE = "localhost/lithops-tests:1"
#: What Lithops gives to its own image for AWS Batch; localhost has another.
_ENTRYPOINT = ["python3", "-m", "lithops.serverless.backends.aws_batch.entry_point"]

_CONTAINERS_CONF = """
[containers]
netns = "host"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
log_driver = "none"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
tmp_dir = "{run}/tmp"
"""

_STORAGE_CONF = """
[storage]
driver = "overlay"
graphroot = "{folder}/graph"
runroot = "{run}"
[storage.options.overlay]
skip_mount_home = "true"
"""


class Podman(Server):
    """Its images and containers are in the folder alone. What runs is its service for Docker's API."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.program = debian("podman", "podman", "runc", optional=True)
        debian("runc", "runc", optional=True)
        # With a longer path, podman doesn't notice the end of a container for 20 s.
        self.run_folder = tempfile.mkdtemp(prefix="podman-", dir="/tmp")
        self.socket = folder / "s"
        (folder / "bin").mkdir()
        (folder / "bin" / "docker").symlink_to(self.program)
        (folder / "containers.conf").write_text(_CONTAINERS_CONF.format(run=self.run_folder))
        (folder / "storage.conf").write_text(_STORAGE_CONF.format(folder=folder, run=self.run_folder))

    def environment(self) -> Mapping[str, str]:
        return {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
        }

    def command(self) -> list[str | Path]:
        return [self.program, "system", "service", "--time=0", f"unix://{self.socket}"]

    def answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket))
        return True

    def start(self) -> None:
        super().start()
        changes = (f"ENTRYPOINT {json.dumps(_ENTRYPOINT)}", f"ENV PYTHONPATH={PACKAGES_FOLDER}")
        importing = subprocess.Popen(
            [self.program, "import", "--quiet", *(f"--change={change}" for change in changes), "-", IMAGE],
            env={**os.environ, **self.environment()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert importing.stdin is not None
        write_image(importing.stdin)
        output, _ = importing.communicate()
        assert importing.returncode == 0, output.decode()
        try:
            self.run("run", "--rm", "--entrypoint", "python3", IMAGE, "-c", "import lithops")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"podman can't run a container here: {error.stderr}")

    def stop(self) -> None:
        self.run("rm", "--all", "--force", "--time=0")
        super().stop()
        shutil.rmtree(self.run_folder, ignore_errors=True)  # stopped before

    def run(self, *arguments: str) -> str:
        """
        Return what the program prints.

        :param arguments: the command
        """
        return subprocess.run(
            [self.program, *arguments],
            env={**os.environ, **self.environment()},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
