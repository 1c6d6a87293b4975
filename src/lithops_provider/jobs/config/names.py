"""
Names of the sections and settings that Lithops reads from its configuration. resolve.py checks what is given against
them. They are those of config.py and constants.py of Lithops 3.8.0.
"""

from __future__ import annotations

MODES = ("localhost", "serverless", "standalone")
CLOUDS = ("aws", "ibm", "gcp", "azure", "aliyun", "oracle")
#: Storage backends beside aws_s3 that speak its protocol: ``s3://`` in a path may mean them.
S3_COMPATIBLE = ("minio", "ceph")
#: Sections that are neither a backend's nor a cloud's.
OTHER_SECTIONS = ("lithops", *MODES, "otlp", "prometheus")

#: Arguments that go into the section ``lithops``.
LITHOPS_ARGUMENTS = ("mode", "backend", "storage", "monitoring")
#: Arguments that go into the section of the compute backend, as those of Lithops's FunctionExecutor do.
BACKEND_ARGUMENTS = (
    "runtime",
    "runtime_memory",
    "runtime_timeout",
    "workers",
    "max_workers",
    "worker_processes",
    "remote_invoker",
    "invoke_pool_threads",
)
ARGUMENTS = LITHOPS_ARGUMENTS + BACKEND_ARGUMENTS

#: The settings that Lithops reads from its section ``lithops``.
LITHOPS_KEYS = (
    *LITHOPS_ARGUMENTS,
    "backend_type",
    "chunksize",
    "data_cleaner",
    "data_limit",
    "exclude_modules",
    "execution_timeout",
    "include_modules",
    "log_filename",
    "log_format",
    "log_level",
    "log_stream",
    "monitoring_interval",
    "telemetry",
    "telemetry_interval",
)
WHOLE_NUMBERS = (
    "runtime_memory",
    "runtime_timeout",
    "max_workers",
    "worker_processes",
    "invoke_pool_threads",
    "execution_timeout",
    "chunksize",
)
NUMBERS = ("monitoring_interval", "telemetry_interval", "runtime_cpu")
