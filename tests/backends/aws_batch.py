"""
AWS Batch on moto, an emulator of AWS, which runs the jobs in containers, by podman's service.

As with Lambda, the waits of Lithops's client between looks are cut short, in this process alone. Moto doesn't tell the
jobs of an array which of them they are, so there is one job with all calls.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.backends.moto_server import ACCOUNT, Moto
from tests.backends.podman import IMAGE, Podman

_RUNTIME = "lithops-tests:1"


class Batch(Moto):
    """
    AWS Batch.

    :param folder: where it keeps its log
    :param podman: runs its containers
    """

    def __init__(self, folder: Path, podman: Podman) -> None:
        super().__init__(folder)
        self.podman = podman

    def environment(self) -> Mapping[str, str]:
        return {
            "HOME": str(self.folder),
            "DOCKER_HOST": f"unix://{self.podman.socket}",
            "MOTO_DOCKER_NETWORK_MODE": "host",
            "PATH": os.defpath,
        }

    def config(self) -> dict[str, Any]:
        role = f"arn:aws:iam::{ACCOUNT}:role/lithops"
        return {
            **super().config(),
            "aws_batch": {
                **{"execution_role": role, "job_role": role, "service_role": role},
                **{"runtime": _RUNTIME, "subnets": [], "security_groups": []},
                **{"env_max_cpus": 1, "runtime_cpu": 1, "runtime_memory": 2048, "worker_processes": 2},
            },
        }


def prepare_client(server: Batch, patch: pytest.MonkeyPatch) -> None:
    """
    Make Lithops's client of Batch in this process find what an account has, and look more often.

    :param server: is up
    :param patch: undoes it
    """
    from lithops.serverless.backends.aws_batch import aws_batch

    original = aws_batch.AWSBatchBackend.deploy_runtime

    def deploy_runtime(backend: Any, runtime_name: str, memory: int, timeout: int = 900) -> Any:
        # As Lithops would have pushed it to Amazon's registry.
        server.podman.run("tag", IMAGE, backend._get_full_image_name(runtime_name)[0])
        _make_queue(backend)
        return original(backend, runtime_name, memory, timeout)

    patch.setattr(aws_batch.AWSBatchBackend, "deploy_runtime", deploy_runtime)
    patch.setattr(aws_batch, "time", SimpleNamespace(sleep=lambda seconds: time.sleep(seconds / 10)))


def _make_queue(backend: Any) -> None:
    """Do what Lithops would, with the state, which moto has no default for, and with what moto checks."""
    if backend._get_job_queue(backend._queue_name) is not None:
        return
    settings = backend.aws_batch_config
    subnets = backend.aws_session.client("ec2").describe_subnets()["Subnets"]
    groups = backend.aws_session.client("ec2").describe_security_groups()["SecurityGroups"]
    role = backend.aws_session.client("iam").create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]
    backend.batch_client.create_compute_environment(
        computeEnvironmentName=backend._compute_env_name,
        type="MANAGED",
        state="ENABLED",
        serviceRole=role["Arn"],
        computeResources={
            "type": settings["env_type"],
            "maxvCpus": settings["env_max_cpus"],
            "subnets": [subnets[0]["SubnetId"]],
            "securityGroupIds": [groups[0]["GroupId"]],
        },
    )
    backend.batch_client.create_job_queue(
        jobQueueName=backend._queue_name,
        state="ENABLED",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": backend._compute_env_name}],
    )
