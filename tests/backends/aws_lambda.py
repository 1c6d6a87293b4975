"""
AWS Lambda on ministack: the functions run in processes of their own, from the zip file that Lithops uploads, with a
layer, under the time limit of the function.

What differs from AWS is done in the client's process alone. Lithops knows the address that it invokes functions at by
heart, waits 25 s between looks at a new function, and has a function in the cloud install the layer from the network.
Ministack runs one call of a function at a time: so there are several versions of it, which take turns.
"""

from __future__ import annotations

import io
import itertools
import re
import time
import zipfile
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.backends.ministack import Ministack

#: Lithops's requirements that are too large to zip them for a test.
_NOT_IN_LAYER = {"numpy"}
#: Calls at once.
_VERSIONS = 4

#: In the process that runs functions: they can import neither this project nor Airflow. Python runs a file of this name
#: at its start.
SITECUSTOMIZE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("lithops_provider", "airflow"):
            raise ModuleNotFoundError(f"the runtime has no module {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
"""


def config(server: Ministack) -> dict[str, Any]:
    """Return the sections of a configuration."""
    (server.folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
    return {
        "aws": server.config(),
        "aws_lambda": {
            "execution_role": "arn:aws:iam::000000000000:role/lithops",
            "max_workers": _VERSIONS,
            "env_vars": [{"name": "PYTHONPATH", "value": str(server.folder)}],
        },
    }


def prepare_client(server: Ministack, patch: pytest.MonkeyPatch) -> None:
    """
    Make Lithops's client of Lambda in this process talk to ministack.

    :param server: is up
    :param patch: undoes it
    """
    from botocore.httpsession import URLLib3Session
    from lithops.serverless.backends.aws_lambda import aws_lambda

    send, deploy_runtime = URLLib3Session.send, aws_lambda.AWSLambdaBackend.deploy_runtime
    versions = itertools.cycle(range(1, _VERSIONS + 1))

    def send_there(session: Any, request: Any) -> Any:
        url = urlsplit(request.url)
        if str(url.hostname).endswith(".amazonaws.com"):
            request.url = f"{server.endpoint}{url.path}?Qualifier={next(versions)}"
        return send(session, request)

    def deploy_versions(backend: Any, runtime_name: str, memory: int, timeout: int) -> Any:
        found = deploy_runtime(backend, runtime_name, memory, timeout)
        for _ in range(_VERSIONS):
            backend.lambda_client.publish_version(FunctionName=backend._format_function_name(runtime_name, memory))
        return found

    patch.setattr(URLLib3Session, "send", send_there)
    patch.setattr(aws_lambda, "time", SimpleNamespace(sleep=lambda seconds: time.sleep(0.1)))
    patch.setattr(aws_lambda.AWSLambdaBackend, "_create_layer", _create_layer)
    patch.setattr(aws_lambda.AWSLambdaBackend, "deploy_runtime", deploy_versions)


def _create_layer(backend: Any, runtime_name: str) -> str:
    """Publish what this environment has of the packages that Lithops would have installed."""
    from lithops.serverless.backends.aws_lambda import config as lambda_config

    names = {re.split("[<>=]", requirement)[0] for requirement in lambda_config.DEFAULT_REQUIREMENTS}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as layer:
        for name in sorted(names - _NOT_IN_LAYER):
            for file in metadata.files(name) or []:
                path = Path(str(file.locate()))
                if ".." not in file.parts and "__pycache__" not in file.parts and path.is_file():
                    layer.write(path, f"python/{file}")
    response = backend.lambda_client.publish_layer_version(
        LayerName=backend._format_layer_name(runtime_name), Content={"ZipFile": content.getvalue()}
    )
    return str(response["LayerVersionArn"])
