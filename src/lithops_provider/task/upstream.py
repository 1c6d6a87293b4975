"""
Takes arguments and items from the return values of other tasks, for the operators' parameters ``data_from_task`` and
``iterdata_from_task``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.errors import InvalidInputError

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.definitions.context import Context


def pull(operator: BaseOperator, context: Context, task_id: Any, parameter: str) -> Any:
    """
    Returns what another task returned.

    :param operator: the task that asks
    :param context: Airflow's context of it
    :param task_id: the other task, which has to be upstream of this one
    :param parameter: the parameter that names it, for messages
    :raises InvalidInputError: it isn't upstream, or it returned nothing
    """
    known = sorted(operator.get_flat_relative_ids(upstream=True))
    if task_id not in known:
        raise InvalidInputError(
            f"{parameter} names {task_id!r}, which is not upstream of {operator.task_id!r}; "
            f"upstream are: {', '.join(known) or 'none'}. Set it upstream, for instance with >>"
        )
    value = context["ti"].xcom_pull(task_ids=task_id)
    if value is None:
        raise InvalidInputError(
            f"{parameter}: the task {task_id!r} was skipped, returned None, or pushes no XCom; have it return a value"
        )
    return value


def pull_data(operator: BaseOperator, context: Context, data: Any, data_from_task: Any) -> Any:
    """
    Completes the arguments of a call.

    :param operator: the task that asks
    :param context: Airflow's context of it
    :param data: the operator's parameter ``data``
    :param data_from_task: ``{argument: task_id}``, or None
    :returns: ``data``, with the return values of the tasks
    :raises InvalidInputError: the two don't go together, or a task is wrong
    """
    if data_from_task is None:
        return data
    if not isinstance(data_from_task, Mapping):
        raise InvalidInputError(f"data_from_task must be a dict {{argument: task_id}}, got {data_from_task!r:.100}")
    if data is None or (isinstance(data, (list, tuple)) and not data):
        data = {}
    if not isinstance(data, Mapping):
        raise InvalidInputError(
            f"data_from_task gives keyword arguments, so data must be a dict, too; got {type(data).__name__}"
        )
    twice = sorted(set(data) & set(data_from_task))
    if twice:
        raise InvalidInputError(f"data and data_from_task both give the argument {twice[0]!r}; give it once")
    pulled = {
        argument: pull(operator, context, task_id, f"data_from_task[{argument!r}]")
        for argument, task_id in data_from_task.items()
    }
    return {**data, **pulled}


def pull_items(operator: BaseOperator, context: Context, source: Any, *, paths: bool) -> tuple[Any, str | None]:
    """
    Takes the items of a map from another task.

    :param operator: the task that asks
    :param context: Airflow's context of it
    :param source: ``task_id``, or ``{argument: task_id}``
    :param paths: whether the items are paths in storage; then a single one may be given as a str
    :returns: the items, and the argument that each is to become, or None
    :raises InvalidInputError: the task is wrong, or returned nothing that can be iterated
    """
    argument: str | None = None
    task_id = source
    if isinstance(source, Mapping):
        if len(source) != 1:
            raise InvalidInputError(f"iterdata_from_task takes one {{argument: task_id}}, got {dict(source)!r:.200}")
        argument, task_id = next(iter(source.items()))
    if not isinstance(task_id, str):
        raise InvalidInputError(f"iterdata_from_task must be a task_id or {{argument: task_id}}, got {source!r:.100}")
    value = pull(operator, context, task_id, "iterdata_from_task")
    if isinstance(value, str) and not paths:
        raise InvalidInputError(
            f"iterdata_from_task: the task {task_id!r} returned a str, {value!r:.100}, which is no iterable of items; "
            "return a list"
        )
    if not isinstance(value, str) and not hasattr(value, "__iter__"):
        raise InvalidInputError(
            f"iterdata_from_task: the task {task_id!r} returned {value!r:.100}, of type {type(value).__name__}, "
            "which is no iterable"
        )
    return value, argument


def without_skipped(items: Any) -> Any:
    """
    Returns items without those for which the function of Airflow's ``output.map(function)`` raises
    ``AirflowSkipException``. With ``.expand``, Airflow likewise skips the mapped tasks of these items only.

    :param items: the operator's parameter ``map_iterdata``
    """
    from airflow.providers.common.compat.sdk import AirflowSkipException
    from airflow.sdk.definitions import xcom_arg

    if type(items).__module__ != xcom_arg.__name__ or not isinstance(items, Sequence):
        return items
    kept = []
    for index in range(len(items)):
        with contextlib.suppress(AirflowSkipException):
            kept.append(items[index])
    return kept
