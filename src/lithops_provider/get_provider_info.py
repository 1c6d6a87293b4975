"""
What Airflow asks the package about itself: its hook, executor, decorators, settings and the form of its connection.
Every process of Airflow imports this module, so it must import nothing slow.
"""

from __future__ import annotations

from typing import Any

from lithops_provider import __version__

#: Lithops 3.8.0's backends. tests/test_get_provider_info.py compares them with Lithops's own.
_BACKENDS = [
    "localhost",
    "aws_lambda",
    "aws_batch",
    "gcp_cloudrun",
    "gcp_functions",
    "azure_functions",
    "azure_containers",
    "code_engine",
    "ibm_cf",
    "openwhisk",
    "aliyun_fc",
    "oracle_f",
    "k8s",
    "knative",
    "singularity",
    "aws_ec2",
    "azure_vms",
    "gcp_compute_engine",
    "ibm_vpc",
    "vm",
]
_STORAGES = [
    "localhost",
    "aws_s3",
    "gcp_storage",
    "azure_storage",
    "ibm_cos",
    "minio",
    "ceph",
    "redis",
    "swift",
    "infinispan",
    "aliyun_oss",
    "oracle_oss",
]
#: What a test of the connection can try, see lithops_provider.connection.check. The first is the default.
TESTS = ["storage", "function"]


def get_provider_info() -> dict[str, Any]:
    """Returns the provider's metadata, see Airflow's provider_info.schema.json."""
    return {
        "package-name": "airflow-provider-lithops",
        "name": "Lithops",
        "description": "Fan out from one Airflow task to thousands of serverless Python calls, on any cloud.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "Lithops",
                "external-doc-url": "https://lithops-cloud.github.io/",
                "tags": ["service"],
            }
        ],
        "task-decorators": [
            {"name": name, "class-name": f"lithops_provider.decorators.{function}"}
            for name, function in (
                ("lithops", "lithops_task"),
                ("lithops_map", "lithops_map"),
                ("lithops_map_reduce", "lithops_map_reduce"),
            )
        ],
        "config": {
            "lithops": {
                "description": "What holds for all tasks that run functions with Lithops.",
                "options": {
                    "max_xcom_size": {
                        "description": (
                            "Bytes of JSON that the result of a task may have, unless an XCom backend of its own is "
                            "configured. A larger one fails the task; its results stay in storage."
                        ),
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": None,
                        "default": "10485760",
                    },
                    "max_items": {
                        "description": (
                            "Items that a job may have, chunks of objects among them. More fail the task before "
                            "anything is sent: an endless iterable would otherwise fill the worker's memory."
                        ),
                        "version_added": "0.1.0",
                        "type": "integer",
                        "example": None,
                        "default": "10000000",
                    },
                    "defer_after": {
                        "description": (
                            "Seconds for which a deferrable task waits for its job in the worker before it is "
                            "deferred; a job that will be over soon is waited for on."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": None,
                        "default": "5",
                    },
                    "defer_at_least": {
                        "description": (
                            "Seconds that a deferral lasts at least. Airflow's scheduler fails a task that comes back "
                            "before it has seen it leave: raise this where deferred tasks end with 'state mismatch'."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": None,
                        "default": "20",
                    },
                    "retention": {
                        "description": (
                            "Days for which jobs' data is kept that no task deletes, counted from when a job was last "
                            "sent. `LithopsHook.clean_older_than` without an age goes by it, as in the example DAG "
                            "lithops_maintenance; nothing is deleted by itself. It must be longer than any job runs, "
                            "any task may be retried, and results by reference are needed. Empty: all is kept."
                        ),
                        "version_added": "0.1.0",
                        "type": "float",
                        "example": "30",
                        "default": None,
                    },
                    "prices": {
                        "description": "Prices for the estimate of what a job has cost, over those of the package.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": '{"aws_lambda": {"region": "eu-west-1", "gb_second": 1.4e-5, "request": 2e-7}}',
                        "default": None,
                    },
                },
            },
            "lithops_executor": {
                "description": "The LithopsExecutor, which runs Airflow's tasks as functions of Lithops.",
                "options": _executor_options(),
            },
        },
        "executors": ["lithops_provider.executors.LithopsExecutor"],
        "hooks": [{"integration-name": "Lithops", "python-modules": ["lithops_provider.hooks"]}],
        "cli": ["lithops_provider.cli.definition.get_lithops_cli_commands"],
        "extra-links": ["lithops_provider.links.LithopsJobLink"],
        "connection-types": [
            {
                "connection-type": "lithops",
                "hook-class-name": "lithops_provider.hooks.LithopsHook",
                "hook-name": "Lithops",
                "conn-fields": _connection_fields(),
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "port"],
                    "relabeling": {
                        "host": "Storage endpoint",
                        "login": "Access key id or user",
                        "password": "Secret access key or password",
                    },
                    "placeholders": {
                        "host": "https://minio.example.com:9000 (MinIO, Ceph, IBM COS, Swift, ...)",
                        "login": "of the storage; leave empty to use the machine's own credentials",
                    },
                },
            }
        ],
    }


def _executor_options() -> dict[str, Any]:
    """Returns the options that lithops_provider.executors.settings reads."""
    options = [
        ("lithops_conn_id", "string", "lithops_default", None, "Connection that says where tasks run."),
        ("runtime", "string", None, "me/airflow:3.3", "Runtime of tasks. Empty: the connection's."),
        ("runtime_memory", "integer", None, "2048", "Memory of a task, in MB. Empty: the connection's."),
        (
            "task_timeout",
            "float",
            "604800",
            None,
            "Seconds after which the call of a task is stopped. The backend's own limit, 15 minutes on AWS Lambda, "
            "holds in any case.",
        ),
        (
            "gather_seconds",
            "float",
            "0.2",
            None,
            "Seconds at most for which tasks are gathered that are sent as one job. It is sent earlier if none comes "
            "for a twentieth of a second.",
        ),
        (
            "poll_interval",
            "float",
            None,
            "5",
            "Seconds between looks at a job; twice that while nothing changes. Empty: 1, and 0.1 on localhost, where a "
            "look costs nothing.",
        ),
        (
            "execution_api_server_url",
            "string",
            None,
            "https://airflow.example.com/execution/",
            "Address of the Execution API as functions reach it. Empty: [core] execution_api_server_url.",
        ),
    ]
    return {
        name: {"description": text, "version_added": "0.1.0", "type": kind, "example": example, "default": default}
        for name, kind, default, example, text in options
    }


def _connection_fields() -> dict[str, Any]:
    """Returns the fields that the form writes flat into the extra, see lithops_provider.connection.extra."""
    text, number = ["string", "null"], ["integer", "null"]
    fields = [
        ("backend", "Compute backend", {"type": text, "enum": _BACKENDS}, "Where functions run."),
        (
            "storage",
            "Storage",
            {"type": text, "enum": _STORAGES},
            "Where Lithops keeps functions and results.",
        ),
        ("storage_bucket", "Bucket", {"type": text}, "Lithops makes one of its own if empty."),
        ("region", "Region", {"type": text}, "Region of the cloud."),
        ("execution_role", "Execution role", {"type": text}, "ARN of the role of functions on AWS."),
        (
            "runtime",
            "Runtime",
            {"type": text},
            "Container image; on localhost a Python interpreter or an image.",
        ),
        ("runtime_memory", "Memory (MB)", {"type": number, "minimum": 1}, "Of one function."),
        (
            "test",
            "What a test tries",
            {"type": text, "enum": TESTS},
            "The storage alone if empty. A function costs what a call costs, and may be deployed for it.",
        ),
    ]
    return {
        name: {"label": label, "schema": schema, "description": description}
        for name, label, schema, description in fields
    }
