"""What Airflow's exceptions in functions mean, wherever a release of Airflow has them."""

from __future__ import annotations

import types

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException

from lithops_provider.jobs.remote.items import is_fail, is_skip
from tests.jobs.batches import BatchRunner


def made(name: str, module: str, base: type[Exception] = Exception) -> Exception:
    return type(name, (base,), {"__module__": module})()


@pytest.mark.parametrize(
    ("error", "skip", "fail"),
    [
        (AirflowSkipException(), True, False),
        (AirflowFailException(), False, True),
        (made("AirflowSkipException", "airflow.exceptions"), True, False),
        (made("AirflowFailException", "airflow.sdk.exceptions"), False, True),
        (made("Mine", "dag", AirflowSkipException), True, False),
        (made("AirflowSkipException", "airflow_like.exceptions"), False, False),
        (made("AirflowFailException", "dag"), False, False),
        (AirflowException(), False, False),
        (ValueError("AirflowSkipException"), False, False),
        (SystemExit(1), False, False),
    ],
    ids=repr,
)
def test_they_are_known_by_name_and_package(error: BaseException, skip: bool, fail: bool) -> None:
    assert (is_skip(error), is_fail(error)) == (skip, fail)


def raising(name: str | None) -> str:
    if name is None:
        return "done"
    module = types.ModuleType("airflow.exceptions")
    error: type[Exception] = type(name, (Exception,), {"__module__": module.__name__})
    raise error(f"by {name}")


def test_an_item_that_is_skipped_counts_as_none(batch: BatchRunner) -> None:
    done = batch(raising, [None, "AirflowSkipException", None])

    assert done.results() == {0: "done", 1: None, 2: "done"}
    assert "skipped: by AirflowSkipException" in done.outcomes[1].output


def test_an_item_that_fails_for_good_says_so(batch: BatchRunner) -> None:
    done = batch(raising, ["AirflowFailException", "AirflowException"])

    assert done.failures()[0]["final"] is True
    assert "final" not in done.failures()[1]


def skipping_a_file(name: str) -> None:
    module = types.ModuleType("airflow.exceptions")
    error: type[Exception] = type("AirflowSkipException", (Exception,), {"__module__": module.__name__})
    raise error(f"no {name}")


def test_the_text_of_a_skip_can_be_stored(batch: BatchRunner) -> None:
    done = batch(skipping_a_file, ["r-\udce9.csv", "\0" * 10_000])

    assert done.results() == {0: None, 1: None}
    assert "skipped: no r-\\udce9.csv" in done.outcomes[0].output
    assert "\0" not in done.outcomes[1].output
    assert len(done.outcomes[1].output) < 5_000
