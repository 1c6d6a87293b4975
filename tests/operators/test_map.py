"""What the items of a map are, and what is refused as such."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from lithops_provider.jobs.errors import InvalidInputError
from lithops_provider.operators import LithopsMapOperator
from tests.jobs.made import make_job
from tests.task.instances import Instance


def operator(items: Any = (1, 2), **given: Any) -> LithopsMapOperator:
    return LithopsMapOperator(task_id="t", map_function=abs, map_iterdata=items, **given)


def context(map_index: int | None = None) -> Any:
    instance: Any = Instance()
    instance.map_index = map_index
    return {"ti": instance}


def test_items_are_what_was_given() -> None:
    assert operator([1, 2])._iterdata(context(), paths=False) == ([1, 2], None)


@pytest.mark.parametrize(
    ("task", "map_index", "problem"),
    [
        (LithopsMapOperator(task_id="t", map_function=abs), -1, "neither was given"),
        (operator([1], iterdata_from_task="other"), -1, "both were given"),
        (operator(5), 3, r"must be an iterable, got int: 5. expand\(\) gave this"),
    ],
    ids=["nothing", "both", "expanded"],
)
def test_what_is_wrong_is_said_with_what_to_do(task: LithopsMapOperator, map_index: int, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        task._iterdata(context(map_index), paths=False)


@pytest.mark.parametrize("name", ["obj_chunk_size", "obj_chunk_number"])
def test_what_reads_no_objects_has_none_to_split(name: str) -> None:
    instance = Instance()

    with pytest.raises(AirflowFailException, match=f"{name} splits objects in storage, but map_function has no param"):
        operator([1], **{name: 2}).execute({"ti": instance})  # type: ignore[typeddict-item]

    assert instance.pushed == {}


def test_an_output_that_turns_out_to_be_none_is_said_to_come_from_a_task() -> None:
    task = operator([1])
    task.map_iterdata = None  # as Airflow does when it renders the output of a task that returned None

    with pytest.raises(InvalidInputError, match="map_iterdata is None: the task whose output it is was skipped"):
        task._iterdata(context(), paths=False)


@pytest.mark.parametrize(
    ("text", "advice"), [("[1, 2]", "render_template_as_native_obj"), ("bucket/key", "name the parameter")]
)
def test_a_text_is_one_item_and_a_warning_says_what_may_have_been_meant(
    text: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    log = SimpleNamespace(warning=lambda message, *args: warnings.append(message % args))
    monkeypatch.setattr(LithopsMapOperator, "log", log)

    assert operator(text)._iterdata(context(), paths=False)[0] == text
    assert [advice in warning for warning in warnings] == [True]


def test_only_the_map_takes_cached_results() -> None:
    task = operator(cache=True, cache_version=2, cache_expiration=timedelta(hours=1), results_to="bucket/results/")

    mapped, written = task.options("map"), task.options("write")

    assert (mapped.cache, mapped.cache_version, mapped.cache_expiration) == (True, "2", 3600.0)
    assert not written.cache


def test_what_takes_objects_says_what_it_reads() -> None:
    def size(obj: Any) -> int:
        return len(obj)

    task = LithopsMapOperator(task_id="t", map_function=size, map_iterdata=["bucket/a", "bucket/b"])
    job = make_job().to_dict()

    assert task._lineage_inputs() == (["bucket/a", "bucket/b"], [])
    assert operator(job)._lineage_inputs() == ([], [job])
    assert operator(range(3))._lineage_inputs() == ([], [])
