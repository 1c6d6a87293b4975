"""
What ``results_to`` adds to an operator: two phases after its own. In ``write``, calls write the results into files; in
``rewrite``, calls write those files anew whose columns have other types than those of all files together. The operator
of a map, and of a map-reduce, calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lithops_provider.jobs.errors import InvalidInputError

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

    from lithops_provider.jobs.client import LithopsClient
    from lithops_provider.jobs.outputs.writer import Written
    from lithops_provider.jobs.remote.frames import Arguments
    from lithops_provider.task.handover import Handover
    from lithops_provider.task.parameters import JobSettings
    from lithops_provider.task.phases import Phase

#: The phases that follow on an operator's own.
FILE_PHASES: tuple[Phase, ...] = ("write", "rewrite")


@dataclass(frozen=True)
class ResultFiles:
    """
    Files of results.

    :param results_to: the prefix in storage
    :param results_format: one of `lithops_provider.jobs.outputs.target.FORMATS`
    :param overwrite: whether everything under the prefix may be replaced
    :param last: the operator's own last phase, whose results are written
    :param pairs: whether these results are lists of pairs of a key and what was reduced under it
    """

    results_to: str
    results_format: str
    overwrite: bool
    last: Phase
    pairs: bool = False

    def check(self, client: LithopsClient, settings: JobSettings) -> None:
        """
        Checks the parameters and the prefix before anything is sent.

        :param client: its storage takes the files
        :param settings: the operator's settings, checked
        :raises InvalidInputError: a parameter is wrong, or there are objects under the prefix that aren't ours
        """
        from lithops_provider.jobs.outputs.target import check_free, parse_target

        for name, given, wanted in (
            ("async_invoke", settings.async_invoke, False),
            ("get_result", settings.get_result, True),
        ):
            if given is not wanted:
                raise InvalidInputError(
                    f"results_to doesn't go with {name}={given}: the task waits until all files are written, and "
                    f"returns where they are; leave out {name}"
                )
        check_free(client, parse_target(client, self.results_to), overwrite=self.overwrite)

    def items(self, client: LithopsClient, phase: Phase, handover: Handover) -> Sequence[Arguments]:
        """
        Returns the items of a phase, each of which is a file.

        :param client: where the results are
        :param phase: one of `FILE_PHASES`
        :param handover: what earlier phases hand over
        """
        from lithops_provider.jobs.outputs.files import file_items
        from lithops_provider.jobs.outputs.manifest import common_columns, rewritten_items
        from lithops_provider.jobs.outputs.target import begin, held, parse_target

        job = handover.jobs.get(self.last)
        if job is None:  # there were no items
            return []
        target = parse_target(client, self.results_to)
        if phase == "write":
            attempt = begin(client, target, job.executor_id, overwrite=self.overwrite)
        else:
            attempt = held(client, target, job.executor_id)
        items = file_items(client, job, target, self.results_format, pairs=self.pairs, attempt=attempt)
        if phase == "write":
            return items
        written = self._written(client, handover)
        return rewritten_items(items, written, common_columns(written))

    def complete(
        self, context: Context, client: LithopsClient, handover: Handover, rewritten: Sequence[Written]
    ) -> dict[str, Any]:
        """
        Writes the manifest, and adds what it returns to the events of the task's outlets.

        :param context: Airflow's context of the task
        :param client: where the files are
        :param handover: what the phases hand over
        :param rewritten: the results of the phase ``rewrite``
        :returns: what the task returns
        """
        from lithops_provider.jobs.job import LithopsJob
        from lithops_provider.jobs.outputs.manifest import complete, replaced
        from lithops_provider.jobs.outputs.target import begin, parse_target

        target = parse_target(client, self.results_to)
        reduced = handover.jobs.get(self.last)
        writer = LithopsJob.new_executor_id() if reduced is None else reduced.executor_id
        if "write" not in handover.jobs:
            begin(client, target, writer, overwrite=self.overwrite)
        result = complete(
            client,
            target,
            writer,
            handover.jobs.get("map"),
            replaced(self._written(client, handover), rewritten),
            results_format=self.results_format,
            overwrite=self.overwrite,
        )
        events = context.get("outlet_events")
        for outlet in getattr(context.get("task"), "outlets", None) or ():
            if events is not None and hasattr(outlet, "uri"):
                events[outlet].extra.update({"lithops_results": result})
        return result

    @staticmethod
    def _written(client: LithopsClient, handover: Handover) -> list[Written]:
        from lithops_provider.jobs.wait import gather_results

        return gather_results(client, handover.jobs["write"]) if "write" in handover.jobs else []
