"""
Kubernetes: jobs and their pods, as its interface has them. A pod is a process that runs Lithops's entry point; the
first one of a user is the master that hands out the calls, by HTTP.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import runpy
import socket
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import requests

from tests.backends.standins.functions import run, stop
from tests.backends.standins.web import Handler, RefusalError, serve

_ENTRY_POINT = "lithops.serverless.backends.k8s.entry_point"
#: Seconds between two events of a watch.
_EVENTS = 0.1


class Kubernetes(Handler):
    """Handles a request to the API server."""

    modules = ("flask", "pika", "lithops.serverless.backends.k8s")

    def handle_request(self, path: list[str], query: dict[str, str], content: Any) -> tuple[int, Any]:
        """Answers ``/apis/batch/v1/namespaces/<namespace>/jobs/...`` and ``/api/v1/namespaces/<namespace>/pods``."""
        if self.headers.get("Authorization") != os.environ["STANDIN_AUTHORIZATION"]:
            raise RefusalError(401, "Unauthorized")
        kind, *names = path[path.index("namespaces") + 2 :]
        if kind == "pods":
            found = [pod for job in self._jobs(query.get("labelSelector", "")) for pod in self._pods(job)]
            wanted = query.get("fieldSelector", "").removeprefix("status.phase=")
            found = [pod for pod in found if pod["status"]["phase"] == (wanted or pod["status"]["phase"])]
            return 200, self._listed(found, query)
        assert kind == "jobs", path
        if self.command == "POST":
            return 201, self._create(content)
        if self.command == "DELETE":
            return 200, self._delete(names[0])
        return 200, self._listed([_job(folder) for folder in self._jobs(query.get("fieldSelector", ""))], query)

    def _listed(self, found: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
        """Returns a list, or one event of a watch: whoever watches comes again for the next."""
        if query.get("watch") not in ("true", "True"):
            return {"items": found, "metadata": {}}
        time.sleep(_EVENTS)
        return {"type": "MODIFIED", "object": found[0]} if found else {"type": "BOOKMARK", "object": {"metadata": {}}}

    def _jobs(self, selector: str) -> list[Path]:
        """Returns the folders of the jobs with a name, or of all."""
        name = selector.partition("=")[2] or "*"
        return [file.parent for file in sorted((self.server.folder / "jobs").glob(f"{name}/job.json"))]

    def _pods(self, folder: Path) -> list[dict[str, Any]]:
        job = _job(folder)
        return [
            {
                "metadata": {"name": pod.name, "labels": {"job-name": folder.name}},
                "spec": job["spec"]["template"]["spec"],
                "status": {"phase": _phase(pod), "podIP": "127.0.0.1"},
            }
            for pod in sorted(folder.glob("pod-*"))
        ]

    def _create(self, job: dict[str, Any]) -> dict[str, Any]:
        folder = self.server.folder / "jobs" / job["metadata"]["name"]
        if folder.exists():
            raise RefusalError(409, "already exists")
        folder.mkdir(parents=True)
        (folder / "job.json").write_text(json.dumps(job))
        self.afterwards = functools.partial(_run, folder, job)
        return job

    def _delete(self, name: str) -> dict[str, Any]:
        folder = self.server.folder / "jobs" / name
        if not folder.exists():
            raise RefusalError(404, f'jobs.batch "{name}" not found')
        stop(folder)
        folder.rename(self.server.folder / f"{name}-{uuid.uuid4().hex}")
        return {"status": "Success"}


def _run(folder: Path, job: dict[str, Any]) -> None:
    """Runs the pods of a job."""
    spec = job["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    environment = {variable["name"]: str(variable.get("value", "127.0.0.1")) for variable in container["env"]}
    arguments = [environment[argument[2:-1]] for argument in container["args"][1:]]
    for number in range(spec["parallelism"]):
        if os.fork() == 0:
            run(
                functools.partial(_run_entry_point, arguments, folder.parent),
                folder / f"pod-{number}",
                environment,
                seconds=spec["activeDeadlineSeconds"],
                megabytes=int(container["resources"]["limits"]["memory"].removesuffix("Mi")),
            )
            (folder / f"pod-{number}" / "ended").touch()
            os._exit(0)


def _run_entry_point(arguments: list[str], jobs: Path) -> bool:
    from lithops.serverless.backends.k8s import config

    _have_own_address(config, arguments[0] == "run_master", jobs)
    # A pod waits 0.1 s for the master's answer; if it comes later, the calls in it are never run. A machine that is
    # busy with tests is slower than that now and then. docs/backends.md tells users.
    get = requests.get
    requests.get = lambda url, timeout: get(url, timeout=100 * timeout)  # type: ignore[assignment]
    spec = importlib.util.find_spec(_ENTRY_POINT)
    assert spec is not None
    assert spec.origin is not None
    sys.argv = [spec.origin, *arguments]
    runpy.run_path(spec.origin, run_name="__main__")
    return True


def _have_own_address(config: Any, is_master: bool, jobs: Path) -> None:
    """Gives the master a port of its own on loopback: a pod has an address of its own, where the same port is free."""
    file = jobs / "port"
    if is_master:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            file.write_text(str(probe.getsockname()[1]))
        bind = socket.socket.bind
        socket.socket.bind = lambda self, address: bind(self, ("127.0.0.1", *address[1:]))  # type: ignore[method-assign]
    if file.exists():
        config.MASTER_PORT = int(file.read_text())


def _phase(pod: Path) -> str:
    if (pod / "result.json").exists():
        return "Succeeded"
    if (pod / "ended").exists():
        return "Failed"
    return "Running"


def _job(folder: Path) -> dict[str, Any]:
    job: dict[str, Any] = json.loads((folder / "job.json").read_text())
    phases = [_phase(pod) for pod in folder.glob("pod-*")]
    return {**job, "status": {"succeeded": phases.count("Succeeded"), "failed": phases.count("Failed")}}


if __name__ == "__main__":
    serve(Kubernetes)
