"""The disk of the localhost storage is full or read-only: said at once, with what to do, and a retry goes on."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lithops_provider.jobs.adapter import storage as adapter
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.remote.storages import PARTIAL
from tools.waiting import HANGS, wait_until

#: Sends a job and waits for it: ``python -c PROGRAM items bytes value``. The job's value is left in the file.
PROGRAM = """
import json, os, sys
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.run import JobRun
from lithops_provider.jobs.submit.spec import Options, make_spec
items, size, value = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
spec = make_spec("map", *bind_items(lambda x: os.urandom(size), range(items)), Options(batch_size=1))
run = JobRun(LithopsClient(resolve_config()), spec, poll_interval=0.1, owner="me/1",
             record=lambda job: open(value, "w").write(json.dumps(job.to_dict())))
if os.path.exists(value):
    run.attach(LithopsJob.from_dict(json.load(open(value))))
else:
    run.submit()
run.finish()
sizes = sorted({len(result) for result in run.results() if result is not None})
print(json.dumps([sizes, sorted({failure.message for failure in run.failures()})]))
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 20 MB, as the folder that Lithops keeps everything of localhost in."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk of its own")
    folder = tmp_path / "tmp" / f"lithops-{os.environ['USER']}"
    folder.mkdir(parents=True, mode=0o700)
    mount = run("mount", "-t", "tmpfs", "-o", "size=20m,mode=700", "none", folder)
    if mount.returncode:
        pytest.skip(f"this machine lets nobody mount a disk: {mount.stderr.strip()}")
    yield folder
    once_unused("umount", folder)


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=HANGS, check=False)


def once_unused(*command: str | Path) -> None:
    """Runs a command that the disk refuses as long as the job's runner, which ends a moment after it, writes there."""
    wait_until(lambda: run(*command).returncode == 0)


def run_program(disk: Path, items: int, size: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, str(items), str(size), str(disk.parent / "value")]
    return run(*command, TMPDIR=str(disk.parent))


@pytest.mark.thorough
def test_a_disk_that_fills_fails_the_job_and_a_retry_with_more_room_goes_on(disk: Path) -> None:
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * (12 << 20))
    done = run_program(disk, 4, 5 << 20)
    assert "No space left on device" in done.stdout + done.stderr  # an item's failure, or the job's
    ballast.unlink()
    run("mount", "-o", "remount,size=60m", disk).check_returncode()
    done = run_program(disk, 4, 5 << 20)
    assert json.loads(done.stdout.splitlines()[-1]) == [[5 << 20], []], done.stderr


def test_a_disk_that_is_full_is_said_at_once(disk: Path) -> None:
    run_program(disk, 1, 10)
    (disk.parent / "value").unlink()
    with pytest.raises(OSError, match="No space left on device"):
        (disk / "ballast").write_bytes(b"x" * (30 << 20))
    done = run_program(disk, 1, 100_000)
    last = done.stderr.splitlines()[-1]
    assert "StorageRefusedError" in last, done.stderr
    assert "No space left on device" in last
    assert "clean_older_than" in last


@pytest.mark.parametrize("used", [False, True])
def test_a_read_only_folder_is_said_at_once(disk: Path, used: bool) -> None:
    if used:
        run_program(disk, 1, 10)
        (disk.parent / "value").unlink()
    once_unused("mount", "-o", "remount,ro", disk)
    done = run_program(disk, 1, 10)
    last = done.stderr.splitlines()[-1]
    assert "StorageRefusedError" in last, done.stderr
    assert "Read-only file system" in last
    assert f"Lithops keeps all of localhost in {disk}: make that folder writable" in last


def test_a_full_disk_is_cleaned_of_what_killed_writers_left(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lithops.constants import LITHOPS_TEMP_DIR

    folder = Path(LITHOPS_TEMP_DIR, client.bucket, "some")
    folder.mkdir(parents=True, exist_ok=True)
    left, young = folder / f".object.1{PARTIAL}", folder / f".object.2{PARTIAL}"
    left.touch()
    young.touch()
    os.utime(left, (0, time.time() - adapter._ABANDONED - 1))
    real = client.storage.storage_handler.put_object

    def full_while_it_is_there(*args: object) -> None:
        if left.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*args)

    monkeypatch.setattr(client.storage.storage_handler, "put_object", full_while_it_is_there)
    client.put("some/key", b"x")
    assert client.get(client.bucket, "some/key") == b"x"
    assert young.exists()
    young.unlink()


def test_an_import_that_fails_otherwise_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def fail(name: str, *args: object, **kwargs: object) -> object:
        if name == "lithops":
            raise OSError(errno.EIO, "Input/output error")
        return real(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(OSError, match="Input/output error"):
        adapter.check_importable()
