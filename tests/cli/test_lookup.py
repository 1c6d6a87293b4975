"""How a job is named on the command line."""

from __future__ import annotations

import pytest

from lithops_provider.cli.lookup import find_job
from lithops_provider.jobs.errors import InvalidInputError


@pytest.mark.parametrize("named", ["%", "0123456789ABCDEF-0", "", "0123456789abcdef-0/..", "_"])
def test_a_name_that_no_job_has_is_refused(named: str) -> None:
    with pytest.raises(InvalidInputError, match="JOB must be an executor id"):
        find_job(named)
