"""The errors and failures are values, which other processes get."""

from __future__ import annotations

import json
import pickle

from lithops_provider.jobs.errors import Failure, ItemsFailedError

FAILURE = Failure(1, "x=1", "ValueError", "no 1", "Traceback ...", final=True)


def test_the_error_survives_pickling() -> None:
    """Airflow may carry it to another process."""
    error = ItemsFailedError("message", [FAILURE], 5, final=True)

    copied = pickle.loads(pickle.dumps(error))

    assert (str(copied), copied.failures, copied.total, copied.final) == ("message", [FAILURE], 5, True)


def test_a_failure_is_plain_json() -> None:
    assert Failure(**json.loads(json.dumps(FAILURE.to_dict()))) == FAILURE
