"""
Turns outcomes into results and `Failure`s, and writes the message for a job with too many failed items. `JobRun`,
wait.py and a task's run call it. It unpickles what functions have returned, so only processes of tasks may use it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.errors import Failure
from lithops_provider.jobs.gather.groups import FailedItem, group_failures, groups_text, place_of, succeeded_text
from lithops_provider.jobs.gather.interrupts import noticed_interrupts
from lithops_provider.jobs.remote.class_pickles import loader
from lithops_provider.jobs.remote.frames import ItemBlocks
from lithops_provider.jobs.remote.items import MAX_MESSAGE, describe
from lithops_provider.jobs.remote.outcomes import Outcome, Outcomes
from lithops_provider.jobs.remote.output import storable
from lithops_provider.jobs.text import short_repr

if TYPE_CHECKING:
    from lithops_provider.jobs.remote.frames import Special
    from lithops_provider.jobs.remote.output import ItemFailure

_ITEM_REPR = 120


def describe_item(items: ItemBlocks, index: int) -> str:
    """
    Returns the arguments of an item as short text that can be stored.

    :param items: the items of the job
    :param index: the item's index
    """
    with noticed_interrupts() as interrupts:
        try:
            text = _show_arguments(*items.item(index))
        except BaseException as error:  # this process may not be able to import the classes of the arguments
            if interrupts.came:
                raise
            text = f"<arguments that can't be unpickled here: {_in_short(error)}>"
    return storable(text, _ITEM_REPR)


def _in_short(error: BaseException) -> str:
    described = describe(error)
    return f"{described['type']}: {described['message']}"


def _show_arguments(args: tuple[Any, ...], kwargs: dict[str, Any], special: Special | None) -> str:
    shown = [short_repr(value, _ITEM_REPR) for value in args]
    shown += [f"{key}={short_repr(value, _ITEM_REPR)}" for key, value in kwargs.items()]
    if special is not None and "object" in special:
        name, where = special["object"]
        shown.insert(0, f"{name}={where.get('key') or where.get('path') or where.get('url')}")
    elif special is not None:
        shown.insert(0, _describe_special(special))
    return ", ".join(shown)


def _describe_special(special: Special) -> str:
    if "result" in special:
        argument, index, *_ = special["result"]
        name = f"<result of item {index} of another job>"
        return name if argument is None else f"{argument}={name}"
    return "<results of another job>"


def make_failure(outcome: Outcome, items: ItemBlocks) -> Failure:
    """
    Returns the failure of an item.

    :param outcome: the item's outcome
    :param items: the items of its job
    """
    failure = outcome.failure or {}
    return Failure(
        index=outcome.item,
        item=describe_item(items, outcome.item),
        type=str(failure.get("type", "Error")),
        message=str(failure.get("message", "")),
        traceback=str(failure.get("traceback", "")),
        final=is_final(outcome),
    )


def is_final(outcome: Outcome) -> bool:
    """Tells whether an item has failed for good: its function raised AirflowFailException."""
    return outcome.failure is not None and bool(outcome.failure.get("final"))


def failure_message(
    name: str, failures: list[Failure], total: int, where: str, min_success_ratio: float | None = None
) -> str:
    """
    Returns a message that says how many items failed and how many were to succeed, and groups the failures by type and
    place, with the traceback of the first of the largest group.

    :param name: the function's name
    :param failures: all failures, in order of the items
    :param total: number of items
    :param where: the job's name
    :param min_success_ratio: share of items that had to succeed; None leaves that out
    """
    counted = succeeded_text(total - len(failures), total, min_success_ratio)
    lines = [f"{len(failures)} of {total} item(s) of {name} failed: {counted} ({where})."]
    groups = group_failures(_as_grouped(name, failure) for failure in failures)
    lines += groups_text(groups)
    by_index = {failure.index: failure for failure in failures}
    shown = next((index for group in groups for index in group.items if by_index[index].traceback), None)
    if shown is not None:
        lines += [f"Remote traceback, or last output, of item {shown}:", by_index[shown].traceback.rstrip()]
    return "\n".join(lines)


def _as_grouped(name: str, failure: Failure) -> FailedItem:
    shown = f"{name}({failure.item}): {failure.type}: {failure.message}"
    return FailedItem(failure.index, failure.type, place_of(failure.traceback), shown)


def load_results(outcomes: Iterable[Outcome]) -> tuple[list[Any], list[Outcome]]:
    """
    Unpickles results. A result that can't be unpickled makes its item a failed one.

    :param outcomes: outcomes in the order of their items
    :returns: the results, with None for an item that failed; and the new outcomes of items whose result can't be
        unpickled here
    """
    entries = list(outcomes)
    rows = [row for row, outcome in enumerate(entries) if outcome.result is not None]
    values, failures = _load_each([outcome.result for outcome in entries if outcome.result is not None], len(rows))
    results: list[Any] = [None] * len(entries)
    for row, value in zip(rows, values, strict=True):
        results[row] = value
    broken = [entries[rows[place]]._replace(result=None, failure=failure) for place, failure in failures.items()]
    return results, broken


def load_all_results(outcomes: Outcomes, items: int, keep: bool = True) -> list[Any]:
    """
    Unpickles the results of a whole job. In ``outcomes``, items whose results can't be unpickled become failed ones.

    :param outcomes: the outcomes of all its items
    :param items: how many items it has
    :param keep: see `Outcomes.results`
    :returns: the results, with None for an item that failed
    """
    results: list[Any] = [None] * items
    broken: list[Outcome] = []
    for indices, blobs in outcomes.results(keep):
        values, failures = _load_each(blobs, len(indices))
        if isinstance(indices, range):
            results[indices.start : indices.stop] = values
        else:
            for index, value in zip(indices, values, strict=True):
                results[index] = value
        broken += [outcomes[indices[row]]._replace(result=None, failure=failures[row]) for row in failures]
    for outcome in broken:
        outcomes.replace(outcome)
    return results


def _load_each(blobs: Iterable[memoryview], count: int) -> tuple[list[Any], dict[int, ItemFailure]]:
    """Unpickles each of some pickles once. Returns the values, and by the places of those that failed, why."""
    values: list[Any] = []
    failures: dict[int, ItemFailure] = {}
    blobs = iter(blobs)
    loading: Iterator[Any]
    some = list(itertools.islice(blobs, 1))
    loading = map(loader(some[0]), itertools.chain(some, blobs)) if some else iter([])
    with noticed_interrupts() as interrupts:
        while len(values) < count:
            try:
                values.extend(loading)  # those before one that fails are there, too
                if len(values) < count:
                    # Unpickling a value raised StopIteration, which the loop took for the end of the values.
                    raise StopIteration  # noqa: TRY301 - it is handled as what any other value raises
            except BaseException as error:
                if interrupts.came:
                    raise
                failures[len(values)] = _not_loaded(error)
                values.append(None)
    return values, failures


def _not_loaded(error: BaseException) -> ItemFailure:
    described = describe(error)
    message = storable(f"the result can't be unpickled here: {described['message']}", MAX_MESSAGE)
    return {"type": described["type"], "message": message, "traceback": ""}


def too_many(failed: int, total: int, min_success_ratio: float) -> bool:
    """
    Tells whether too many items failed.

    :param failed: number of items that failed
    :param total: number of items
    :param min_success_ratio: share of items that have to succeed
    """
    # The tolerance is for ratios such as 0.9 of 10 items, which floats don't represent exactly.
    return (total - failed) / total + 1e-9 < min_success_ratio
