"""
A FaaS backend for Lithops that starts one process per invocation: what a cloud does, in small.

The processes know nothing of this project: neither it nor Airflow can be imported in them. As Lithops does for its own
backends, the module is loaded as ``lithops.serverless.backends.process_faas``, in the client by `register` and in the
processes, where a remote invoker needs it, by itself. So it imports nothing but Lithops.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from types import ModuleType
from typing import Any

NAME = "process_faas"
#: The file whose ``put_whole_file`` writes to the localhost storage. The processes can't import it by its name.
_WHOLE_FILES = Path(__file__).parents[2] / "src" / "lithops_provider" / "jobs" / "remote" / "storages.py"

_WORKER = """
import importlib.util, json, os, resource, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("lithops_provider", "airflow"):
            raise ModuleNotFoundError(f"the runtime has no module {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
spec = importlib.util.spec_from_file_location("lithops.serverless.backends.process_faas", sys.argv[1])
backend = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = backend
spec.loader.exec_module(backend)
os.environ["__LITHOPS_ACTIVATION_ID"] = sys.argv[2]
os.environ["__LITHOPS_BACKEND"] = "Process FaaS"
megabytes = int(sys.argv[3]) << 20
resource.setrlimit(resource.RLIMIT_DATA, (megabytes, megabytes))
payload = json.load(sys.stdin)
from lithops.worker import function_handler, function_invoker
from lithops.worker import handler, utils
# In a cloud each has a disk of its own: here one would import modules that another is writing.
handler.MODULES_DIR = utils.MODULES_DIR = os.path.join(utils.MODULES_DIR, sys.argv[2])
# A cloud's storage has an object as a whole or not at all: here a status could be read that is half written.
spec = importlib.util.spec_from_file_location("whole_files", sys.argv[4])
whole_files = importlib.util.module_from_spec(spec)
spec.loader.exec_module(whole_files)
from lithops.storage.backends.localhost.localhost import LocalhostStorageBackend
LocalhostStorageBackend.put_object = whole_files.put_whole_file
if "remote_invoker" in payload:
    function_invoker(payload)
    backend.wait()
else:
    function_handler(payload)
"""

_lock = threading.Lock()
#: Processes that this one has started: subprocess.Popen, or the like.
processes: list[Any] = []
#: How many invocations are yet to be refused, as a backend does that is at its limit.
refuse = 0
#: After how many invocations the process that sends them dies.
die_after: int | None = None
#: Whether invocations wait for `release` before they start, as they do in a cloud that is busy.
hold = False
_held: list[tuple[list[str], bytes]] = []
#: How many invocations there were, refused ones excluded.
invocations = 0
#: MB that each of them got.
memories: list[int] = []


class ServerlessBackend:
    def __init__(self, config: dict[str, Any], internal_storage: Any) -> None:
        self.config = config
        self.type = "faas"

    def invoke(self, runtime_name: str, memory: int, payload: dict[str, Any]) -> str | None:
        global refuse, invocations
        with _lock:
            if refuse:
                refuse -= 1
                return None
            if invocations == die_after:
                os.kill(os.getpid(), signal.SIGKILL)
            invocations += 1
            memories.append(memory)
        activation_id = uuid.uuid4().hex[:12]
        arguments = [__file__, activation_id, str(memory), str(_WHOLE_FILES)]
        given = json.dumps(payload, default=str).encode()
        if hold:
            _held.append((arguments, given))
        else:
            processes.append(start_call(_WORKER, arguments, given))
        return activation_id

    def deploy_runtime(self, runtime_name: str, memory: int, timeout: int) -> dict[str, Any]:
        return self._generate_runtime_meta(runtime_name, memory)

    def _generate_runtime_meta(self, runtime_name: str, memory: int) -> dict[str, Any]:
        from lithops.worker.utils import get_runtime_metadata

        found: dict[str, Any] = get_runtime_metadata()
        found["preinstalls"] = [entry for entry in found["preinstalls"] if entry[0] != "tests"]
        return found

    def get_runtime_key(self, runtime_name: str, memory: int, version: str) -> str:
        # With the timeout, which Lithops keeps with the runtime: tests have several.
        return f"{NAME}/{version}/{runtime_name}/{memory}-{self.config['runtime_timeout']}"

    def get_runtime_info(self) -> dict[str, Any]:
        names = ("runtime_memory", "runtime_timeout", "max_workers")
        return {"runtime_name": "process", "runtime_cpu": None, **{name: self.config[name] for name in names}}


def start_call(program: str, arguments: list[str], given: bytes) -> Any:
    """Starts the process of an invocation. Tests replace it by `warm.start_call`."""
    command = [sys.executable, "-c", program, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd="/", start_new_session=True)
    assert process.stdin is not None
    process.stdin.write(given)
    process.stdin.close()
    return process


def release() -> None:
    """Starts the invocations that were held."""
    global hold
    hold = False
    for arguments, given in _held:
        processes.append(start_call(_WORKER, arguments, given))
    _held.clear()


def wait(seconds: float | None = None) -> None:
    """Waits for all processes."""
    for process in processes:
        process.wait(seconds)


def end() -> None:
    """Ends all processes with what they have started, and forgets about them."""
    global refuse, invocations, hold, die_after
    for process in processes:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended since
                os.killpg(process.pid, 9)
        process.wait(600)
    processes.clear()
    memories.clear()
    _held.clear()
    refuse = invocations = 0
    hold = False
    die_after = None


def register() -> ModuleType:
    """Makes Lithops find the backend."""
    sys.modules[f"lithops.serverless.backends.{NAME}"] = sys.modules[__name__]
    return sys.modules[__name__]


def configure(config: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """
    Returns a complete configuration with this backend.

    :param config: the complete configuration of localhost, whose storage is used
    :param settings: of the backend
    """
    config = copy.deepcopy(config)
    config["lithops"].update(backend=NAME, mode="serverless", chunksize=1)
    config[NAME] = {
        **{"runtime_memory": 256, "runtime_timeout": 600, "max_workers": 4, "worker_processes": 1},
        **{"invoke_pool_threads": 4, "remote_invoker": False, **settings},
    }
    return config
