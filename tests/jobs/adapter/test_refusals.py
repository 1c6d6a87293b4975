"""What counts as a refusal of credentials by a compute backend."""

from __future__ import annotations

import pytest

from lithops_provider.jobs.adapter.refusals import explain_refusals, missing_right
from lithops_provider.jobs.errors import LithopsJobError, SubmitError


class ApiException(Exception):  # noqa: N818 - the name of Kubernetes's
    def __init__(self, status: int) -> None:
        super().__init__("Reason: Unauthorized" if status == 401 else "Reason: Conflict")
        self.status = status


@pytest.mark.parametrize(
    "error", [ApiException(401), Exception("The supplied authentication is invalid"), Exception("(403) no right")]
)
def test_a_refusal_names_the_backend(error: Exception) -> None:
    message = "knative refused the credentials, or they don't allow this: "
    with pytest.raises(SubmitError, match=message) as caught, explain_refusals("knative"):
        raise error
    assert str(error) in str(caught.value)


@pytest.mark.parametrize("error", [ApiException(409), ValueError("4031 items"), LithopsJobError("403")])
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, explain_refusals("knative"):
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    ("said", "right"),
    [
        (
            "An error occurred (AccessDeniedException) when calling the CreateFunction operation: User: "
            "arn:aws:iam::1:user/me is not authorized to perform: lambda:CreateFunction on resource: arn:aws:lambda",
            "lambda:CreateFunction",
        ),
        ("Permission 'run.services.create' denied on resource 'namespaces/p/services/s'", "run.services.create"),
        (
            "The client 'x' does not have authorization to perform action 'Microsoft.Web/sites/write' over scope '/'",
            "Microsoft.Web/sites/write",
        ),
        (
            'jobs.batch is forbidden: User \\"me\\" cannot create resource \\"jobs\\" in API group \\"batch\\"',
            'create resource "jobs" in API group "batch"',
        ),
        ("Forbidden", None),
    ],
)
def test_the_right_that_a_cloud_names_is_named(said: str, right: str | None) -> None:
    assert missing_right(said) == right
    remedy = f"give its user the right {right}" if right else "check the rights of its user"
    with pytest.raises(SubmitError) as caught, explain_refusals("knative"):
        raise Exception(said)
    assert str(caught.value).endswith(remedy)
