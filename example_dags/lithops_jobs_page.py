"""
Jobs that are worth a look in the tab "Lithops job" of their tasks: one that runs for some minutes, one whose items fail
and are tried again, one with 100,000 items. `make ui` starts it.
"""

from __future__ import annotations

import logging
import random
import time

from airflow.sdk import DAG

from lithops_provider.operators import LithopsMapOperator


def resize(picture: int) -> str:
    """Take as long as a picture does that is sometimes a big one."""
    seconds = random.lognormvariate(-1.0, 0.7)
    time.sleep(seconds)
    logging.info("picture %d: resized in %.2f s", picture, seconds)
    return f"thumbnails/{picture:05d}.jpg"


def fetch(page: int, id: int) -> int:
    """Fail now and then, as servers do; for some pages always."""
    time.sleep(random.expovariate(20))
    logging.info("GET /pages/%d", page)
    if page % 40 == 7:
        raise LookupError(f"404: there is no page {page}")
    if random.random() < 0.1:
        raise TimeoutError(f"page {page} did not answer within 0.05 s")
    return len(str(page)) + id


def collatz(start: int) -> int:
    """Count the steps to 1."""
    number, steps = start + 1, 0
    while number != 1:
        number = number // 2 if number % 2 == 0 else 3 * number + 1
        steps += 1
    return steps


with DAG("lithops_jobs_page", schedule=None, tags=["lithops", "example"], doc_md=__doc__):
    # Waits in the triggerer: the page shows the job all the same.
    LithopsMapOperator(
        task_id="running", map_function=resize, map_iterdata=range(3_000), batch_size=100, deferrable=True
    )
    LithopsMapOperator(
        task_id="failing",
        map_function=fetch,
        map_iterdata=range(400),
        batch_size=25,
        item_retries=2,
        min_success_ratio=0.99,
    )
    LithopsMapOperator(
        task_id="hundred_thousand",
        map_function=collatz,
        map_iterdata=range(100_000),
        batch_size=2_500,
        get_result=False,
    )
