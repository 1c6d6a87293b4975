"""
Makes one clear error of what clouds' clients raise, each in its own way, when credentials are refused: it names the
backend, and the right that is missing if the cloud names it. `LithopsClient`, send.py and the commands for runtimes
call backends within `explain_refusals`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from lithops_provider.jobs.adapter.storage import is_refused
from lithops_provider.jobs.errors import LithopsJobError, SubmitError

#: What Lithops's own clients put into errors that have no status.
_TEXTS = re.compile(r"authentication is invalid|API key could not be found|\b(401|403)\b|Unauthorized|Forbidden")

#: How clouds name the right that is missing: AWS, Google, Azure, Kubernetes.
_RIGHTS = re.compile(
    r"not authorized to perform:? ([\w:*]+)"
    r"|[Pp]ermission '([\w./]+)' (?:is )?denied"
    r"|authorization to perform action '([^']+)'"
    r"|cannot (\w+ resource \"[\w./-]+\"(?: in API group \"[\w.-]*\")?)"
)


@contextlib.contextmanager
def explain_refusals(backend: str) -> Iterator[None]:
    """
    Turns a refusal that is raised within this context into a clear error.

    :param backend: name of the compute backend that is used within the context
    :raises SubmitError: the backend refused the credentials, or they don't allow what was wanted
    """
    try:
        yield
    except LithopsJobError:
        raise
    except Exception as error:
        if not (is_refused(error) or _TEXTS.search(str(error)) or missing_right(str(error))):
            raise
        reason = str(error) or type(error).__name__
        right = missing_right(reason)
        remedy = f"give its user the right {right}" if right else "check the rights of its user"
        raise SubmitError(
            f"{backend} refused the credentials, or they don't allow this: {reason}; check its section of the "
            f"configuration, and {remedy}"
        ) from error


def missing_right(reason: str) -> str | None:
    """
    Returns the right that is missing, in the cloud's own words, or None if the cloud doesn't name it.

    :param reason: the message of the error that the cloud's client raised
    """
    found = _RIGHTS.search(reason.replace('\\"', '"'))
    return next(filter(None, found.groups()), None) if found else None
