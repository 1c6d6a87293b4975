"""A deferred job, and how long after its last item the task is resumed."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG
from peaks import FOLDER, report_peaks

from lithops_provider.operators import LithopsMapOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


def nap(number: int) -> float:
    """Take a moment, long enough for the task to be deferred before the last; return when that was over."""
    time.sleep(0.02)
    return time.time()


class TimedMapOperator(LithopsMapOperator):
    """Tells when it was resumed."""

    def resume(self, context: Context, event: dict[str, Any]) -> list[float]:
        """Go on; compare the moment with that of the last item."""
        resumed = time.time()
        ends: list[float] = super().resume(context, event)
        run = context["dag_run"]
        path = Path(os.environ[FOLDER]) / f"resumed.{run.dag_id}.{run.run_id}"
        path.write_text(str(resumed - max(ends)))
        return ends


with DAG(
    "benchmark_deferred",
    schedule=None,
    render_template_as_native_obj=True,
    params={"count": 100},
    default_args={"on_success_callback": report_peaks},
):
    TimedMapOperator(task_id="map", map_function=nap, map_iterdata="{{ range(params.count) }}", deferrable=True)
