from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.clean import TEMP_PREFIX, clean_job, clean_older_than
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.config.resolve import resolve_config
from lithops_provider.jobs.follow.processes import runner_pids
from lithops_provider.jobs.job import LithopsJob
from lithops_provider.jobs.remote.keys import PLAN
from lithops_provider.jobs.submit.cache.entries import CacheEntry
from tests.jobs.conftest import FaasMaker, MapStarter, Tally, finished, wait_for
from tests.jobs.elsewhere import elsewhere
from tests.jobs.failures import leave_mark
from tools.waiting import HANGS


@pytest.fixture
def client() -> LithopsClient:
    """A client whose bucket has nothing of other tests: sweeping that takes most of a minute."""
    return LithopsClient(resolve_config(lithops_config={"localhost": {"storage_bucket": "of-test-clean"}}))


def traces(job: LithopsJob) -> list[str]:
    """Returns all files on this machine that bear a job's name."""
    from lithops.constants import LITHOPS_TEMP_DIR

    return [
        os.path.join(folder, name)
        for folder, folders, files in os.walk(LITHOPS_TEMP_DIR)
        for name in (*folders, *files)
        if job.executor_id in name
    ]


def test_exactly_the_jobs_objects_are_deleted(client: LithopsClient, run_map: MapStarter) -> None:
    client.put("users-own/object", b"data")
    kept = run_map(abs, [1, 2])
    wait_for(lambda: not runner_pids(kept.job))  # which deletes an object at its end
    before = sorted(client.keys(client.bucket, ""))
    run = run_map(lambda x: x, [1, 2])
    wait_for(lambda: not runner_pids(run.job))
    added = set(client.keys(client.bucket, "")) - set(before)

    count = clean_job(client, run.job)

    assert sorted(client.keys(client.bucket, "")) == before
    assert count == len(added) > 0
    assert kept.job.executor_id != run.job.executor_id


def test_all_rounds_and_all_that_was_stored_for_the_job_are_deleted(client: LithopsClient) -> None:
    job = elsewhere(client).with_round(1, 1)
    alike = LithopsJob.from_dict({**job.to_dict(), "executor_id": f"{job.executor_id}0"})
    for one in (job, alike):
        for number in range(2):
            client.put(f"{one.round_prefix(number)}/00000/status.json", b"{}")
        client.put(one.owner_key, b"me")

    assert clean_job(client, job) == 3
    assert client.keys(client.bucket, f"lithops.jobs/{job.executor_id}-") == []
    assert client.get(job.bucket, job.owner_key) is None
    assert len(client.keys(client.bucket, f"lithops.jobs/{alike.executor_id}-M")) == 2
    assert client.get(job.bucket, alike.owner_key) == b"me"


def store_some(x: int, storage: Any) -> str:
    """Stores an object without a key, in a way that can't be told from the user's other objects, and one with a key."""
    storage.put_cloudobject(f"value {x}", key=f"kept/{x}")
    return str(storage.put_cloudobject(f"value {x}").key)


def cloud_objects(client: LithopsClient) -> list[str]:
    return [key for key in client.keys(client.bucket, "lithops.jobs/tmp/") if "/cloudobject_" in key]


def test_where_lithops_keeps_objects_without_a_key() -> None:
    from lithops.constants import TEMP_PREFIX as LITHOPS_PREFIX

    assert TEMP_PREFIX == LITHOPS_PREFIX


@pytest.mark.parametrize("sweep", [False, True], ids=["clean_job", "clean_older_than"])
def test_cloud_objects_without_a_key_are_deleted_with_their_job(
    client: LithopsClient, run_map: MapStarter, sweep: bool
) -> None:
    others = run_map(store_some, [1]).results()
    run = run_map(store_some, [2, 3, 4], batch_size=2)
    keys = run.results()
    assert set(cloud_objects(client)) >= {*keys, *others}
    assert len(set(keys)) == 3

    if sweep:
        of_lithops = "lithops.jobs/tmp/0123ab-0-M000-00000/cloudobject_0"
        client.put(of_lithops, b"")
        clean_older_than(client, 3600)
        assert set(cloud_objects(client)) >= {*keys, *others}
        clean_older_than(client, -1)
        left = set(cloud_objects(client))  # other tests have made some that are none of ours
        assert of_lithops in left
        assert not left & {*keys, *others}
    else:
        clean_job(client, run.job)
        assert not {*keys} & {*cloud_objects(client)}
        assert {*others} <= {*cloud_objects(client)}
    assert client.get(client.bucket, "kept/2") == b"value 2"


def test_cloud_objects_of_a_job_whose_own_objects_are_gone_are_swept(client: LithopsClient) -> None:
    key = f"lithops.jobs/tmp/{LithopsJob.new_executor_id()}-M000-00000/cloudobject_0"
    client.put(key, b"value")

    assert clean_older_than(client, 3600) >= 1
    assert client.get(client.bucket, key) is None


def nested(x: int) -> Any:
    import lithops

    def store(y: int, storage: Any) -> str:
        return str(storage.put_cloudobject(f"value {y}").key)

    executor = lithops.FunctionExecutor(backend="localhost", storage="localhost")
    return executor.executor_id, executor.get_result(executor.call_async(store, {"y": x}))


def test_what_an_executor_within_a_function_left_is_deleted(client: LithopsClient, run_map: MapStarter) -> None:
    run = run_map(nested, [1])
    ((executor_id, key),) = run.results()
    client.put(f"lithops.jobs/{executor_id}-A000/aggdata.pickle", b"left by a process that died")
    assert key in cloud_objects(client)

    clean_job(client, run.job)

    assert key not in cloud_objects(client)
    assert [key for key in client.keys(client.bucket, "lithops.jobs/") if executor_id in key] == []


def test_nothing_of_it_is_left_on_this_machine(client: LithopsClient, run_map: MapStarter) -> None:
    job = run_map(lambda x: x, [1, 2]).job
    wait_for(lambda: runner_pids(job) == [])  # the last thing it does is to leave a file
    assert traces(job) != []

    clean_job(client, job)

    assert traces(job) == []


def test_nothing_is_left_of_a_job_that_was_cancelled(
    client: LithopsClient, start_map: MapStarter, tally: Tally
) -> None:
    """The file that the runner gets its job from holds the configuration, and so its credentials."""
    path = tally.path

    def work(x: int) -> None:
        leave_mark(path, str(x))
        time.sleep(600)

    run = start_map(work, [1])
    wait_for(lambda: tally.read() != [])
    run.cancel()

    clean_job(client, run.job)

    assert traces(run.job) == []


def test_cleaning_twice_is_no_error(client: LithopsClient) -> None:
    job = elsewhere(client)
    client.put(f"{job.round_prefix()}/items", b"")

    assert [clean_job(client, job), clean_job(client, job)] == [1, 0]


def test_a_job_elsewhere_is_cleaned(faas: FaasMaker) -> None:
    client = faas()
    run = finished(client, *bind_items(abs, [1, 2]))

    assert clean_job(client, run.job) > 0
    assert client.keys(client.bucket, f"{run.job.round_prefix()}/") == []


def test_old_jobs_of_ours_can_be_cleaned_by_age(client: LithopsClient, run_map: MapStarter) -> None:
    client.put("lithops.jobs/0123ab-0-M000/00000/status.json", b"of Lithops itself")
    client.put(cached := CacheEntry.new("0" * 32, LithopsJob.new_executor_id()).index_key, b"")
    job = run_map(abs, [1]).job
    wait_for(lambda: runner_pids(job) == [])
    clean_older_than(client, 3600)
    assert client.keys(job.bucket, f"{job.round_prefix()}/") != []
    assert client.get(client.bucket, cached) is not None

    assert clean_older_than(client, -1) >= 1

    assert client.get(client.bucket, cached) is None
    assert client.keys(job.bucket, f"{job.round_prefix()}/") == []
    assert client.get(client.bucket, "lithops.jobs/0123ab-0-M000/00000/status.json") is not None
    assert [path for path in traces(job) if not Path(path).is_dir()] == []


def test_the_objects_of_a_job_are_listed_at_the_same_time(
    client: LithopsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(client, *bind_items(abs, [1]))
    together, list_keys = threading.Barrier(3), client.storage.list_keys

    def list_together(bucket: str, prefix: str) -> list[str]:
        together.wait(HANGS)
        return list(list_keys(bucket, prefix))

    monkeypatch.setattr(client.storage, "list_keys", list_together)

    assert clean_job(client, run.job) > 5


@pytest.mark.parametrize("submitted", [None, "yesterday", [], {}], ids=str)
def test_a_plan_that_is_no_plan_keeps_no_other_job_from_being_swept(client: LithopsClient, submitted: Any) -> None:
    damaged, other = elsewhere(client), elsewhere(client)
    for job, plan in ((damaged, {"submitted": submitted}), (other, {"submitted": 1.0})):
        client.put(f"{job.round_prefix()}/{PLAN}", json.dumps(plan).encode())

    assert clean_older_than(client, 3600) >= 2
    assert [key for job in (damaged, other) for key in client.keys(client.bucket, job.round_prefix())] == []


def test_of_jobs_elsewhere_no_files_are_looked_for_on_this_machine(client: LithopsClient, faas: FaasMaker) -> None:
    from lithops.constants import JOBS_DIR

    run = finished(faas(), *bind_items(abs, [1]))
    file = Path(JOBS_DIR, f"{run.job.executor_id}-{run.job.job_ids[-1]}.done")
    file.touch()

    assert clean_older_than(run.client, -1) >= 1

    assert file.exists()
    file.unlink()
