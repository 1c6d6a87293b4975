"""Localhost with an image as its runtime: what is different when a job runs in a container on this machine."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.cancel import cancel_job
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.errors import SubmitError
from lithops_provider.jobs.follow.processes import runner_pids
from tests.backends.backends import Servers
from tests.backends.conftest import Connected, connect
from tests.backends.functions import add
from tests.backends.image import NOT_NEEDED
from tests.backends.podman import IMAGE, Podman
from tests.backends.test_backends import begun, done
from tests.jobs.conftest import kill_all, wait_for
from tests.jobs.looked_at import wait_for_file


@pytest.fixture(scope="module")
def connected(servers: Servers) -> Iterator[Connected]:
    with pytest.MonkeyPatch.context() as patch:
        yield connect("podman", servers, patch)


@pytest.fixture
def local(connected: Connected) -> LithopsClient:
    """A client whose storage is this machine's disk, which the container shares a folder with."""
    lithops = {"backend": "localhost", "exclude_modules": list(NOT_NEEDED)}
    return LithopsClient(resolve_config({"lithops": lithops, "localhost": {"runtime": IMAGE}}))


def test_functions_see_neither_this_machine_nor_this_package(local: LithopsClient) -> None:
    def look(x: int) -> list[str]:
        import importlib.util
        import tempfile
        from pathlib import Path

        found = [name for name in ("lithops_provider", "airflow") if importlib.util.find_spec(name)]
        return [tempfile.gettempdir(), *found, *map(str, Path("/home").glob("*"))]

    run = done(local, "map", bind_items(look, [1]))

    assert run.results() == [["/tmp"]]


def test_its_file_with_the_configuration_is_for_its_owner_only(local: LithopsClient) -> None:
    from lithops.constants import LITHOPS_TEMP_DIR

    run = begun(local, "map", bind_items(wait_for_file, ["/tmp/go"]))
    path = Path(LITHOPS_TEMP_DIR, run.job.bucket, f"{run.job.round_prefix()}-job.json")
    mode = path.stat().st_mode & 0o777
    Path(os.environ["TMPDIR"], "go").touch()
    run.finish()

    assert mode == 0o600
    wait_for(lambda: not path.exists())


def test_several_processes_may_ask_a_new_image_what_it_has(servers: Servers, connected: Connected) -> None:
    image = f"localhost/lithops-tests:{uuid.uuid4().hex[:8]}"
    servers.get(Podman).run("tag", IMAGE, image)
    config = {"lithops": {"backend": "localhost"}, "localhost": {"runtime": image}}
    clients = [LithopsClient(resolve_config(config)) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda client: client.compute.handler.deploy_runtime(image), clients))

    assert [set(found) >= {"preinstalls", "python_version"} for found in results] == [True] * 3


def test_an_image_that_is_not_there_is_a_clear_error(connected: Connected) -> None:
    config = {"lithops": {"backend": "localhost"}, "localhost": {"runtime": "127.0.0.1:9/no-such-image"}}
    with pytest.raises(SubmitError, match="no-such-image"):
        begun(LithopsClient(resolve_config(config)), "map", bind_items(add, [1]))


def test_of_a_cancelled_job_no_container_is_left(servers: Servers, local: LithopsClient) -> None:
    run = begun(local, "map", bind_items(wait_for_file, ["/tmp/never"]))
    wait_for(lambda: bool(local.keys(run.job.bucket, f"{run.job.round_prefix()}/00000/")))
    cancel_job(local, run.job)

    assert not runner_pids(run.job)
    wait_for(lambda: f"lithops_{run.job.round_prefix()}" not in servers.get(Podman).run("ps", "--all"))


def test_a_container_that_is_killed_is_found_and_what_it_left_is_run_again(
    servers: Servers, local: LithopsClient
) -> None:
    run = begun(local, "map", bind_items(wait_for_file, ["/tmp/never", "/tmp/later"]), batch_size=2)
    wait_for(lambda: bool(local.keys(run.job.bucket, f"{run.job.round_prefix()}/00000/")))
    for name in ("never", "later"):
        Path(os.environ["TMPDIR"], name).touch()
    kill_all(runner_pids(run.job))
    run.finish()

    assert run.results() == [None, None]
    assert not run.failures()
