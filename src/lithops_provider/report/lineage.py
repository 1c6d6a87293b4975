"""
Tells OpenLineage what a task reads and writes. The operators' methods that OpenLineage calls use it. Only they import
it, since this module imports OpenLineage's provider, which may not be installed.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attr
from airflow.providers.openlineage.extractors import OperatorLineage
from airflow.providers.openlineage.extractors.manager import ExtractorManager
from openlineage.client.event_v2 import Dataset
from openlineage.client.facet_v2 import JobFacet, RunFacet, schema_dataset, source_code_location_job

from lithops_provider.jobs.config.names import S3_COMPATIBLE
from lithops_provider.jobs.remote.keys import JOBS_PREFIX

if TYPE_CHECKING:
    from lithops_provider.connection.settings import ConnectionSettings
    from lithops_provider.jobs.job import LithopsJob

#: How many datasets there may be for objects to be named one by one; and for their folders, else buckets are named.
_MOST_OBJECTS, _MOST_FOLDERS = 20, 100
#: Schemes of OpenLineage's naming rules by Lithops's storage backend. Other backends are named by their own name.
_SCHEMES = {"aws_s3": "s3", "aws": "s3", **dict.fromkeys(S3_COMPATIBLE, "s3"), "gcp_storage": "gs", "gcp": "gs"}
#: Names that mean Azure's storage in paths.
_AZURE = ("azure_storage", "azure_blob", "azure")


@attr.define
class LithopsJobRunFacet(RunFacet):
    """What the value of a job says."""

    executorId: str  # noqa: N815 - names of facets are written so
    kind: str
    function: str
    items: int
    calls: int
    rounds: int
    backend: str
    storage: str
    runtime: str


@attr.define
class LithopsFunctionJobFacet(JobFacet):
    """The function that is called for each item."""

    name: str
    module: str
    file: str
    line: int


def lineage(
    *,
    paths: Iterable[str],
    references: Iterable[Mapping[str, Any]],
    inlets: Sequence[Any] | None,
    outlets: Sequence[Any] | None,
    function: Callable[..., Any],
    connection: Callable[[], ConnectionSettings],
    job: LithopsJob | None,
    results_stay: bool,
    written: Iterable[Sequence[str]] = (),
    files: Mapping[str, Any] | None = None,
) -> OperatorLineage[Any, Any]:
    """
    Returns the lineage of a task: objects that it reads and writes, results that it reads or leaves in storage,
    outlets, its function and its job.

    :param paths: paths of the objects that its items name
    :param references: values of the jobs whose results it reads
    :param inlets: assets that it was declared to read
    :param outlets: assets that it was declared to write
    :param function: the function that it calls for each item
    :param connection: returns the task's connection, and what is set over it
    :param job: its last job; None if it hasn't sent one
    :param results_stay: whether that job's results are left in storage
    :param written: bucket and prefix of each place where its functions have written objects
    :param files: what the task returns of the files that hold its results; None if there are none
    """
    from lithops_provider.jobs.job import LithopsJob

    config = functools.cache(lambda: _config(connection()))  # only paths without a backend need it
    inputs = object_datasets(paths, config)
    inputs += [job_dataset(LithopsJob.from_dict(value), config) for value in references]
    inputs += _declared(inlets)
    outputs = _declared(outlets)
    run_facets: dict[str, Any] = {}
    if job is not None:
        run_facets["lithops_job"] = _job_facet(job)
        if results_stay:
            outputs.append(job_dataset(job, config))
        outputs += object_datasets((f"{job.storage}://{bucket}/{prefix}" for bucket, prefix in written), config)
    if files is not None:
        told = files_dataset(files, config)
        outputs = [one for one in outputs if (one.namespace, one.name) != (told.namespace, told.name)] + [told]
    return OperatorLineage(inputs=inputs, outputs=outputs, run_facets=run_facets, job_facets=_function_facets(function))


def object_datasets(paths: Iterable[str], config: Callable[[], Mapping[str, Any]]) -> list[Dataset]:
    """
    Returns the datasets that paths stand for: one for each path if there are few, else their folders or buckets.

    :param paths: paths, as items name them
    :param config: returns the Lithops configuration, for paths that don't name a storage backend
    """
    found = dict.fromkeys(_name(path, config) for path in dict.fromkeys(paths))
    if len(found) > _MOST_OBJECTS:
        found = dict.fromkeys((space, name.rpartition("/")[0] or "/") for space, name in found)
    if len(found) > _MOST_FOLDERS:
        found = dict.fromkeys((space, "/") for space, _ in found)
    return [Dataset(namespace=space, name=name) for space, name in found]


def job_dataset(job: LithopsJob, config: Callable[[], Mapping[str, Any]]) -> Dataset:
    """
    Returns where the results of a job lie.

    :param job: its value
    :param config: returns the Lithops configuration
    """
    space, name = _located(job.storage, job.bucket, f"{JOBS_PREFIX}/{job.executor_id}", config)
    return Dataset(namespace=space, name=name)


def files_dataset(files: Mapping[str, Any], config: Callable[[], Mapping[str, Any]]) -> Dataset:
    """
    Returns where the files of results lie, with their columns if the format has any.

    :param files: what `lithops_provider.jobs.outputs.manifest.complete` has returned
    :param config: returns the Lithops configuration, if the path doesn't name a storage backend
    """
    space, name = _name(files["path"], config)
    fields = [
        schema_dataset.SchemaDatasetFacetFields(name=column, type=kind)
        for column, kind in (files["columns"] or {}).items()
    ]
    facets: dict[str, Any] = {"schema": schema_dataset.SchemaDatasetFacet(fields=fields)} if fields else {}
    return Dataset(namespace=space, name=name, facets=facets)


def _name(path: str, config: Callable[[], Mapping[str, Any]]) -> tuple[str, str]:
    if path.startswith(("http://", "https://")):
        url = urlsplit(path)
        return f"{url.scheme}://{url.hostname}{f':{url.port}' if url.port else ''}", url.path or "/"
    if path.startswith("/"):
        return "file", path.rstrip("/") or "/"
    backend, separator, rest = path.partition("://")
    if not separator:
        backend, rest = str(config()["lithops"]["storage"]), path
    bucket, _, key = rest.partition("/")
    if "*" in key:
        key = key[: key.index("*")].rpartition("/")[0]
    return _located(backend, bucket, key, config)


def _located(backend: str, bucket: str, key: str, config: Callable[[], Mapping[str, Any]]) -> tuple[str, str]:
    """Returns namespace and name by OpenLineage's naming rules, as far as there are some for the storage."""
    name = key.strip("/") or "/"
    if backend == "localhost":
        from lithops.constants import LITHOPS_TEMP_DIR

        return "file", f"{LITHOPS_TEMP_DIR}/{bucket}/{name}".rstrip("/")
    if backend in _AZURE:
        account = (config().get("azure_storage") or {}).get("storage_account_name")
        return f"wasbs://{bucket}@{account}" if account else f"wasbs://{bucket}", name
    return f"{_SCHEMES.get(backend, backend)}://{bucket}", name


def _declared(assets: Sequence[Any] | None) -> list[Dataset]:
    """Returns the datasets of inlets or outlets, which Airflow's extractor adds only where there is nothing else."""
    return [dataset for entry in assets or () if (dataset := ExtractorManager.convert_to_ol_dataset(entry)) is not None]


def _config(connection: ConnectionSettings) -> Mapping[str, Any]:
    from lithops_provider.hooks import LithopsHook

    return LithopsHook.from_settings(connection).get_config()


def _job_facet(job: LithopsJob) -> LithopsJobRunFacet:
    return LithopsJobRunFacet(
        executorId=job.executor_id,
        kind=job.kind,
        function=job.function,
        items=job.items,
        calls=sum(entry.calls for entry in job.rounds),
        rounds=len(job.rounds),
        backend=job.backend,
        storage=job.storage,
        runtime=job.runtime,
    )


def _function_facets(function: Any) -> dict[str, Any]:
    """Returns facets with a function's name and the place of its code. A builtin, which has no code, has no place."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    if not hasattr(function, "__name__"):  # a callable object
        function = type(function).__call__
    code = getattr(function, "__code__", None)
    file, line = (code.co_filename, code.co_firstlineno) if code is not None else ("", 0)
    name = getattr(function, "__qualname__", function.__name__)
    facets: dict[str, Any] = {
        "lithops_function": LithopsFunctionJobFacet(
            name=name, module=str(getattr(function, "__module__", "")), file=file, line=line
        )
    }
    if file:
        facets["sourceCodeLocation"] = source_code_location_job.SourceCodeLocationJobFacet(
            type="file", url=f"file://{file}#L{line}"
        )
    return facets
