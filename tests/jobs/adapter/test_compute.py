"""
Guards all that is used of Lithops beyond its documented interface, in jobs/adapter/compute.py, client.py, objects.py,
clean.py and in what runs inside functions. When a release of Lithops moves any of it, a test here fails and says what.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import os
import pickle
import sys
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lithops_provider.jobs.adapter import compute as lithops_api
from lithops_provider.jobs.adapter import storage as lithops_storage
from lithops_provider.jobs.adapter.compute import CallBatch
from lithops_provider.jobs.binding import reserved
from lithops_provider.jobs.client import LithopsClient
from lithops_provider.jobs.gather import outcomes as gather
from lithops_provider.jobs.remote.keys import FUNCTION, JOBS_PREFIX, STATUS

#: What is called, and with which arguments: a number of positional ones, then names.
CALLED: list[tuple[str, int, str]] = [
    ("lithops.config.extract_storage_config", 1, ""),
    ("lithops.config.extract_localhost_config", 1, ""),
    ("lithops.config.extract_serverless_config", 1, ""),
    ("lithops.config.extract_standalone_config", 1, ""),
    ("lithops.storage.InternalStorage", 1, ""),
    ("lithops.storage.InternalStorage.put_func", 3, ""),
    ("lithops.storage.Storage", 0, "config backend"),
    ("lithops.storage.Storage", 0, "storage_config"),
    ("lithops.storage.Storage.get_storage_config", 1, ""),
    ("lithops.storage.Storage.get_client", 1, ""),
    ("lithops.storage.Storage.put_object", 4, ""),
    ("lithops.storage.Storage.get_object", 3, "extra_get_args"),
    ("lithops.storage.Storage.head_object", 3, ""),
    ("lithops.storage.Storage.list_keys", 3, ""),
    ("lithops.storage.Storage.list_objects", 4, ""),
    ("lithops.storage.Storage.delete_object", 3, ""),
    ("lithops.storage.Storage.delete_objects", 3, ""),
    ("lithops.storage.InternalStorage._write_runtime_meta_file", 3, ""),
    ("lithops.storage.InternalStorage._cached_runtime_meta", 3, ""),
    ("lithops.storage.InternalStorage._local_runtime_meta_path", 2, ""),
    ("lithops.storage.InternalStorage._runtime_meta_refs", 2, ""),
    ("lithops.storage.InternalStorage.get_runtime_meta", 2, ""),
    ("lithops.storage.InternalStorage.put_runtime_meta", 3, ""),
    ("lithops.storage.InternalStorage.delete_runtime_meta", 2, ""),
    ("lithops.storage.utils.create_job_key", 2, ""),
    ("lithops.storage.utils.CloudObject", 3, ""),
    ("lithops.storage.utils.CloudObjectLocal", 1, ""),
    ("lithops.storage.utils.CloudObjectUrl", 1, ""),
    ("lithops.serverless.ServerlessHandler", 2, ""),
    ("lithops.serverless.ServerlessHandler.invoke", 2, ""),
    ("lithops.serverless.ServerlessHandler.pre_invoke", 2, ""),
    ("lithops.serverless.ServerlessHandler.clear", 2, ""),
    ("lithops.standalone.StandaloneHandler", 1, ""),
    ("lithops.invokers.BatchInvoker", 5, ""),
    ("lithops.invokers.FaaSInvoker", 5, ""),
    ("lithops.invokers.Invoker._build_futures", 2, ""),
    ("lithops.invokers.Invoker._run_job", 2, ""),
    ("lithops.invokers.Invoker._create_payload", 2, ""),
    ("lithops.invokers.Invoker.select_runtime", 3, ""),
    ("lithops.invokers.Invoker._deploy_runtime", 3, ""),
    ("lithops.serverless.ServerlessHandler.get_runtime_key", 4, ""),
    ("lithops.standalone.StandaloneHandler.get_runtime_key", 4, ""),
    ("lithops.invokers.FaaSInvoker._invoke_job", 2, ""),
    ("lithops.invokers.FaaSInvoker._invoke_job_remote", 2, ""),
    ("lithops.invokers._format_call_id", 1, ""),
    ("lithops.utils.iterchunks", 2, ""),
    ("lithops.utils.split_object_url", 1, ""),
    ("lithops.job.job._apply_mode_limits", 4, ""),
    ("lithops.job.job._attach_data", 6, ""),
    ("lithops.job.serialize.SerializeIndependent", 1, ""),
    ("lithops.job.serialize.SerializeIndependent.module_paths", 4, ""),
    ("lithops.job.serialize.create_module_data", 1, ""),
    ("lithops.libs.multyvac.module_dependency.ModuleDependencyAnalyzer", 0, ""),
    ("lithops.libs.multyvac.module_dependency.ModuleDependencyAnalyzer.add", 2, ""),
    ("lithops.libs.multyvac.module_dependency.ModuleDependencyAnalyzer.ignore", 2, ""),
    ("lithops.libs.multyvac.module_dependency.ModuleDependencyAnalyzer.get_and_clear_paths", 1, ""),
    ("lithops.libs.multyvac.module_dependency.ModuleDependencyAnalyzer._deep_inspect_path", 3, ""),
    ("lithops.libs.multyvac.module_dependency.ModuleDependencyAnalyzer._inspect", 2, ""),
    ("lithops.monitoring.JobMonitor", 0, "executor_id internal_storage config"),
    ("lithops.monitoring.JobMonitor.prepare", 1, ""),
    ("lithops.monitoring.JobMonitor.cleanup", 1, ""),
    ("lithops.monitoring.monitor.PollingMessageMonitor._close_receiver", 1, ""),
    ("lithops.libs.globber.match", 2, ""),
    ("lithops.localhost.LocalhostHandlerV1", 1, ""),
    ("lithops.localhost.LocalhostHandlerV1.init", 1, ""),
    ("lithops.localhost.LocalhostHandlerV1.invoke", 2, ""),
    ("lithops.localhost.LocalhostHandlerV1.deploy_runtime", 2, ""),
    ("lithops.localhost.v1.localhost.DefaultEnvironment", 1, ""),
    ("lithops.localhost.v1.localhost.DefaultEnvironment.setup", 1, ""),
    ("lithops.localhost.v1.localhost.DefaultEnvironment.get_metadata", 1, ""),
    ("lithops.localhost.v1.localhost.DefaultEnvironment.run_job", 3, ""),
    ("lithops.localhost.v1.localhost.DefaultEnvironment.prepare_job_file", 2, ""),
    ("lithops.localhost.v1.localhost.DefaultEnvironment._ensure_runner", 1, ""),
    ("lithops.localhost.v1.localhost.DefaultEnvironment._start_job_process", 3, ""),
    ("lithops.localhost.v1.localhost.ContainerEnvironment", 1, ""),
    ("lithops.localhost.v1.localhost.ContainerEnvironment._start_job_process", 3, ""),
    ("lithops.localhost.v1.localhost.ContainerEnvironment._container_cmd", 3, ""),
    ("lithops.localhost.v1.localhost.ExecutionEnvironment._copy_lithops_to_tmp", 1, ""),
    ("lithops.localhost.v1.localhost.ExecutionEnvironment._job_file_for_runner", 3, ""),
    ("lithops.localhost.utils._source_fingerprint", 1, ""),
    ("lithops.localhost.v1.runner.main", 0, ""),
    ("lithops.worker.utils.get_function_and_modules", 2, ""),
    ("lithops.worker.utils.write_module_data", 2, ""),
]


def find(path: str) -> Any:
    names = path.split(".")
    for length in range(len(names), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(names[:length]))
        except ModuleNotFoundError:
            continue
        for name in names[length:]:
            found = getattr(found, name)
        return found
    raise AssertionError(f"there is no {path}")


@pytest.mark.parametrize(("path", "positional", "named"), CALLED, ids=[f"{row[0]}-{row[2]}" for row in CALLED])
def test_it_can_be_called_as_we_do(path: str, positional: int, named: str) -> None:
    inspect.signature(find(path)).bind(*[None] * positional, **dict.fromkeys(named.split()))


CONSTANTS: dict[str, Any] = {
    "lithops.constants.LOCALHOST": "localhost",
    "lithops.constants.SERVERLESS": "serverless",
    "lithops.constants.JOBS_PREFIX": JOBS_PREFIX,
    "lithops.storage.utils.status_key_suffix": STATUS,
    "lithops.storage.utils.func_key_suffix": FUNCTION,
    "lithops.utils._INJECTED_ARGS": frozenset(reserved.INJECTED),
}


@pytest.mark.parametrize("path", CONSTANTS)
def test_constants_that_we_repeat_are_the_same(path: str) -> None:
    assert find(path) == CONSTANTS[path]


@pytest.mark.parametrize("name", ["LITHOPS_TEMP_DIR", "JOBS_DIR", "MODULES_DIR"])
def test_folders_that_we_use_are_known(name: str) -> None:
    assert Path(find(f"lithops.constants.{name}")).is_absolute()


@pytest.mark.parametrize("name", ["LITHOPS_TEMP_DIR", "LITHOPS_LOCATION", "RUNNER_FILE", "DOCKER_RUNNER_FILE"])
def test_names_of_the_localhost_backend(name: str) -> None:
    assert os.path.isabs(find(f"lithops.localhost.v1.localhost.{name}"))


def test_enumerations() -> None:
    assert issubclass(find("lithops.localhost.config.LocalhostEnvironment"), enum.Enum)
    assert find("lithops.localhost.config.LocalhostEnvironment").DEFAULT
    assert find("lithops.utils.BackendType").FAAS.value == "faas"
    assert find("lithops.utils.BackendType").BATCH.value == "batch"


# -- how the parts behave --------------------------------------------------------------------------------------


def test_a_missing_key_has_an_error_of_its_own(client: LithopsClient) -> None:
    with pytest.raises(find("lithops.storage.utils.StorageNoSuchKeyError")) as caught:
        client.storage.get_object(client.bucket, "no/such/key")
    with pytest.raises(find("lithops.storage.utils.StorageNoSuchKeyError")):
        client.storage.head_object(client.bucket, "no/such/key")
    assert lithops_storage.is_missing_key(caught.value)


def test_the_storage_reads_ranges_sizes_and_lists(client: LithopsClient) -> None:
    storage, bucket = client.storage, client.bucket
    storage.put_object(bucket, "test-api/folder/key", b"0123456789")

    assert storage.get_object(bucket, "test-api/folder/key", extra_get_args={"Range": "bytes=2-4"}) == b"234"
    assert int(storage.head_object(bucket, "test-api/folder/key")["content-length"]) == 10
    assert storage.list_keys(bucket, "test-api/") == ["test-api/folder/key"]
    assert storage.list_objects(bucket, "test-api/") == [{"Key": "test-api/folder/key", "Size": 10}]
    assert storage.backend == "localhost"
    assert find("lithops.storage.Storage")(storage_config=storage.get_storage_config()).bucket == storage.bucket


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("bucket/key", (None, "bucket", "", "key")),
        ("bucket/a/b/key", (None, "bucket", "a/b", "key")),
        ("bucket/a/b/", (None, "bucket", "a/b", "")),
        ("bucket", (None, "bucket", "", "")),
        ("localhost://bucket/key", ("localhost", "bucket", "", "key")),
        ("s3://bucket/key", ("aws_s3", "bucket", "", "key")),
    ],
)
def test_how_an_object_url_is_split(url: str, parts: tuple[str | None, ...]) -> None:
    assert tuple(find("lithops.utils.split_object_url")(url)) == parts


def test_cloud_objects_have_what_we_read() -> None:
    stored = find("lithops.storage.utils.CloudObject")("localhost", "bucket", "key")

    assert (stored.backend, stored.bucket, stored.key) == ("localhost", "bucket", "key")
    assert find("lithops.storage.utils.CloudObjectLocal")("/a/b").path == "/a/b"
    assert not hasattr(find("lithops.storage.utils.CloudObjectLocal")("/a/b"), "backend")
    assert find("lithops.storage.utils.CloudObjectUrl")("http://x").url == "http://x"


def test_the_invoker_has_what_we_read(client: LithopsClient) -> None:
    compute = client.compute

    assert compute.invoker.runtime_name == compute.runtime == sys.executable
    assert isinstance(compute.invoker.max_workers, int)
    assert compute.handler.get_backend_type() == "batch"
    assert set(compute.invoker.select_runtime("M000", None)) >= {"preinstalls", "python_version", "lithops_version"}


def test_the_faas_invoker_has_what_we_read() -> None:
    source = inspect.getsource(find("lithops.invokers.FaaSInvoker.__init__"))

    for name in ("remote_invoker", "invoke_pool_threads"):
        assert f"self.{name} =" in source


def test_aws_lambda_sends_invocations_by_a_session_and_raises_with_the_status() -> None:
    """By the source: its library need not be installed."""
    folder = Path(find("lithops.serverless").__file__).parent
    source = (folder / "backends" / "aws_lambda" / "aws_lambda.py").read_text()

    assert "self.session = URLLib3Session()" in source
    assert "self.session.send(request.prepare())" in source
    assert "raise Exception(f'Error {r.status_code}: {r.text}')" in source


def test_running_a_job_invokes_it_and_then_makes_futures() -> None:
    source = inspect.getsource(find("lithops.invokers.Invoker._run_job"))

    assert source.index("self._invoke_job(job)") < source.index("self._build_futures(job)")


def batch(client: LithopsClient, function: bytes = b"", calls: int = 3) -> CallBatch:
    return CallBatch(
        executor_id=f"{uuid.uuid4().hex[:16]}-0",
        job_id="M000",
        function=function,
        function_name="f",
        modules=[],
        imports_packages=False,
        calls=[pickle.dumps({"call": number}) for number in range(calls)],
        timeout=60,
        runtime_memory=None,
        extra_env={"A": "1"},
        include_modules=[],
        exclude_modules=[],
    )


def test_the_payload_has_what_we_change_and_no_attribute_of_a_job_is_missing(client: LithopsClient) -> None:
    compute = client.compute
    sent = batch(client)
    meta = compute.invoker.select_runtime("M000", None)
    job = compute._make_job(sent, meta)
    for upload in compute._uploads(sent, job, meta):
        upload()
    job.runtime_name = compute.runtime

    payload = compute.invoker._create_payload(job)

    assert set(payload) >= {"call_ids", "data_byte_ranges", "job_key", "config", "func_key", "data_key"}
    assert len(payload["data_byte_ranges"]) == 3
    assert payload["job_key"] == f"{sent.executor_id}-M000"


def test_the_worker_finds_the_function_and_the_data_as_we_store_them(client: LithopsClient) -> None:
    compute = client.compute
    sent = batch(client, b"the function")
    meta = compute.invoker.select_runtime("M000", None)
    job = compute._make_job(sent, meta)
    for upload in compute._uploads(sent, job, meta):
        upload()
    received = SimpleNamespace(config=client.config, **vars(job))

    loaded = find("lithops.worker.utils.get_function_and_modules")(received, compute.internal_storage)
    data = find("lithops.worker.utils.get_function_data")(received, compute.internal_storage)

    assert loaded == b"the function"
    assert [pickle.loads(blob) for blob in data] == [{"call": 0}, {"call": 1}, {"call": 2}]


@pytest.mark.parametrize(
    ("mode", "wanted", "limit"), [("serverless", 100, 100), ("serverless", 1000, 295), ("localhost", 10**6, 10**6)]
)
def test_how_lithops_limits_the_time_of_a_call(mode: str, wanted: int, limit: int) -> None:
    config = {"lithops": {"mode": mode, "backend": "aws_lambda"}, "aws_lambda": {"runtime_memory": 256}}
    job = SimpleNamespace(execution_timeout=wanted)

    find("lithops.job.job._apply_mode_limits")(job, config, {"runtime_timeout": 300}, 512)

    assert job.execution_timeout == limit


def test_the_worker_injects_storage_by_name_and_tells_the_configuration() -> None:
    """By the source, as the function that runs this is forked off the worker; test_run.py does it for real."""
    assert "'storage' in func_sig.parameters" in inspect.getsource(find("lithops.worker.jobrunner.JobRunner"))
    assert "'LITHOPS_CONFIG': json.dumps(task.config)" in inspect.getsource(find("lithops.worker.handler.run_task"))
    assert "raise MemoryError('HANDLER', reason)" in inspect.getsource(find("lithops.worker.handler.run_task"))


@pytest.mark.parametrize("backend", lithops_api.STOPPING_BACKENDS)
def test_backends_that_can_stop_a_job_do_it_by_the_jobs_key(backend: str) -> None:
    """By the source: their libraries need not be installed."""
    folder = Path(find("lithops.serverless").__file__).parent / "backends" / backend

    assert "def clear(self, job_keys" in (folder / f"{backend}.py").read_text()


def test_the_log_of_the_worker_says_where_that_of_the_function_begins() -> None:
    assert f"'{gather._FUNCTION_LOG}'" in inspect.getsource(find("lithops.worker.jobrunner"))


def test_the_process_of_a_job_can_be_told_by_its_command_line(client: LithopsClient) -> None:
    """See jobs/follow/processes.py."""
    payload = {"job_key": "0123456789abcdef-0-M000", "config": client.config}

    path = client.compute.handler.env.prepare_job_file(payload)

    assert os.path.basename(path) == "0123456789abcdef-0-M000-job.json"
    os.remove(path)
