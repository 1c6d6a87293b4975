"""An item of a job as a function call in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from lithops_provider.jobs.clean import clean_job
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.errors import InvalidInputError, StorageUnavailableError
from lithops_provider.jobs.inputs.reproduce import load_item
from tests.jobs.conftest import MapStarter
from tests.jobs.failures import leave_mark
from tests.jobs.made import make_job


def test_an_item_can_be_called_here(client: LithopsClient, run_map: MapStarter, tmp_path: Path) -> None:
    job = run_map(lambda mark, id, path: leave_mark(path, f"{mark} {id}"), ["a", "b"], {"path": tmp_path / "m"}).job

    load_item(client, job, 1)()

    assert sorted((tmp_path / "m").read_text().split("\n")[:-1]) == ["a 0", "b 1", "b 1"]


def test_what_lithops_fills_in_is_there_as_well(client: LithopsClient, run_map: MapStarter) -> None:
    job = run_map(lambda x, storage: (x, storage.get_object(storage.bucket, "test-reproduced")), [1]).job
    client.put("test-reproduced", b"stored")

    assert load_item(client, job, 0)() == (1, b"stored")


def test_an_item_of_deleted_data_is_gone(client: LithopsClient, run_map: MapStarter) -> None:
    job = run_map(abs, [1]).job
    clean_job(client, job)

    with pytest.raises(StorageUnavailableError, match="is gone"):
        load_item(client, job, 0)


@pytest.mark.parametrize("index", [-1, 3])
def test_an_item_that_the_job_does_not_have_is_an_error(client: LithopsClient, index: int) -> None:
    job = make_job(items=3, bucket=client.bucket)

    with pytest.raises(InvalidInputError, match=rf"job {job.executor_id} has 3 item\(s\), and no item {index}$"):
        load_item(client, job, index)
