"""
Makes some of Lithops's backends raise an error that says what a service has answered to an invocation, which
`DetachedFaaSInvoker` handles. By themselves, these backends hide the answer: `knative` takes each failure for a
refusal, `azure_functions` for a success, and `gcp_cloudrun` and `gcp_functions` raise an error without a status. The
last two also give up after 120 seconds, although a request lasts as long as its call. compute.py calls `report_answers`
before it opens a serverless backend.
"""

from __future__ import annotations

import http.client
import importlib
from types import SimpleNamespace
from typing import Any

#: The modules of Lithops that send requests by `requests.post`, and those that use `http.client`.
POSTING = {
    "gcp_cloudrun": "lithops.serverless.backends.gcp_cloudrun.cloudrun",
    "gcp_functions": "lithops.serverless.backends.gcp_functions.gcp_functions",
}
CONNECTING = {
    "azure_functions": "lithops.serverless.backends.azure_functions.azure_functions",
    "knative": "lithops.serverless.backends.knative.knative",
}

#: Seconds to reach the service in, and to wait for the answer beyond the longest time that a service lets a call run.
_TO_CONNECT = 30.0
_LONGEST_CALL = 3600.0
_GRACE = 60.0
#: Statuses of calls that have ended well.
_SUCCESS = (200, 202)
#: Characters of an answer that an error shows.
_SHOWN = 300


class AnswerError(Exception):
    """
    A service has answered an invocation with something else than success.

    :param status: the status of the answer
    :param text: the text of the answer
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text[:_SHOWN]}".strip())
        self.status = status

    @property
    def passes(self) -> bool:
        """
        Whether it makes sense to send the call again: the service is busy, or has trouble. If the call had begun and
        died, its second process notices, and reports that.
        """
        return self.status in (408, 429) or self.status >= 500


def report_answers(backend: str) -> None:
    """
    Makes a backend raise `AnswerError` in this process.

    :param backend: name of the compute backend; those that say by themselves what was answered are left alone
    """
    if backend in POSTING:
        importlib.import_module(POSTING[backend]).requests = SimpleNamespace(post=_post)  # type: ignore[attr-defined]
    elif backend in CONNECTING:
        client = SimpleNamespace(HTTPConnection=_HTTPConnection, HTTPSConnection=_HTTPSConnection)
        importlib.import_module(CONNECTING[backend]).http = SimpleNamespace(client=client)  # type: ignore[attr-defined]


def _post(url: str, **options: Any) -> Any:
    import requests

    del options["timeout"]
    response = requests.post(url, timeout=(_TO_CONNECT, _LONGEST_CALL + _GRACE), **options)
    if response.status_code not in _SUCCESS:
        raise AnswerError(response.status_code, response.text)
    return response


class _HTTPConnection(http.client.HTTPConnection):
    def getresponse(self) -> http.client.HTTPResponse:
        """Returns the response, if it is a success."""
        return _checked(self, super().getresponse())


class _HTTPSConnection(http.client.HTTPSConnection):
    def getresponse(self) -> http.client.HTTPResponse:
        """Returns the response, if it is a success."""
        return _checked(self, super().getresponse())


def _checked(connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> http.client.HTTPResponse:
    if response.status not in _SUCCESS:
        text = response.read(_SHOWN).decode(errors="replace")
        response.close()
        connection.close()
        raise AnswerError(response.status, text or response.reason)
    return response
