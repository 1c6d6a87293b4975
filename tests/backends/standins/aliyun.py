"""
Alibaba Cloud's Function Compute: functions that are containers of Lithops's, of which here the WSGI application runs,
each request in a process of its own.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
from types import SimpleNamespace
from typing import Any

from alibabacloud_tea_openapi.utils import Utils

from tests.backends.standins.deployed import Functions
from tests.backends.standins.web import RefusalError, serve

_ENTRY_POINT = "lithops.serverless.backends.aliyun_fc.container_entry_point"
_ALGORITHM = "ACS3-HMAC-SHA256"
#: Seconds and MB that a function may have.
_LONGEST, _MEMORY = 86_400, range(128, 32_769, 64)


class Aliyun(Functions):
    """Handles a request to the host of an account."""

    modules = (_ENTRY_POINT,)

    def handle_request(self, path: list[str], query: dict[str, str], content: Any) -> tuple[int, Any]:
        """Answers ``/<what the client takes for its host's end>/2023-03-30/functions/...``."""
        _, *path = path
        self._check_signature("/".join(["", *path]), query)
        _, kind, *names = path
        assert kind == "functions", path
        if names[1:] == ["invocations"]:
            return self._invoke(names[0], content)
        if self.command == "POST":
            if content["timeout"] > _LONGEST or content["memorySize"] not in _MEMORY:
                raise RefusalError(400, f"at most {_LONGEST} s, and MB in steps of 64: {_MEMORY}")
            return 200, self.keep(content["functionName"], {**content, "state": "Active"})
        if not names:
            found = [each for each in self.functions() if each["functionName"].startswith(query["prefix"])]
            return 200, {"functions": found}
        if self.command == "DELETE":
            return 204, self.delete(names[0])
        return 200, self.function(names[0])

    def _check_signature(self, path: str, query: dict[str, str]) -> None:
        """Refuses a request that isn't signed with the secret of the key: the client's library tells how it signs."""
        given = str(self.headers.get("Authorization"))
        headers = {
            name: self.headers.get(name) for name in given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        }
        request = SimpleNamespace(method=self.command, pathname=path, query=query, headers=headers)
        key, secret = os.environ["STANDIN_KEY"].split(":")
        if given != Utils.get_authorization(request, _ALGORITHM, headers.get("x-acs-content-sha256"), key, secret):
            raise RefusalError(403, "SignatureDoesNotMatch: The request signature does not conform to the standards.")

    def _invoke(self, name: str, content: Any) -> tuple[int, Any]:
        function = self.function(name)
        return self.invoke(
            name,
            functools.partial(_request, content),
            seconds=function["timeout"],
            megabytes=function["memorySize"],
            header="x-fc-request-id",
            waits=self.headers.get("x-fc-invocation-type") != "Async",
        )


def _request(content: Any, identifier: str) -> Any:
    application = importlib.import_module(_ENTRY_POINT).app
    response = application.test_client().post("/invoke", json=content, headers={"x-fc-request-id": identifier})
    return json.loads(response.get_data())


if __name__ == "__main__":
    serve(Aliyun)
