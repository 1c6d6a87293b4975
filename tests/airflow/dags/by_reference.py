"""Chains of jobs whose results stay in storage."""

from __future__ import annotations

from airflow.sdk import DAG, task

from lithops_provider.operators import LithopsCallAsyncOperator, LithopsMapOperator, LithopsMapReduceOperator


def megabyte(number: int) -> bytes:
    """Make a result that nobody wants in a database."""
    return bytes([number]) * (1 << 20)


def double(data: bytes) -> bytes:
    """Make another."""
    return bytes([2 * data[0]]) * len(data)


def first_byte(data: bytes) -> int:
    """Make a small result."""
    return data[0]


def fails_at_three(x: int) -> int:
    """Fail for one item."""
    if x == 3:
        raise ValueError("three")
    return x


def add_up(numbers: list[int], more: list[int] = ()) -> int:  # type: ignore[assignment]
    """Add up."""
    return sum(numbers) + sum(more)


for name, deferrable in (("sync", False), ("deferred", True)):
    with DAG(f"by_reference_{name}", schedule=None, default_args={"deferrable": deferrable, "poll_interval": 0.2}):
        made = LithopsMapOperator(
            task_id="made", map_function=megabyte, map_iterdata=range(50), get_result=False, max_concurrency=3
        )
        doubled = LithopsMapOperator(
            task_id="doubled", map_function=double, map_iterdata=made.output, get_result=False, batch_size=7
        )
        LithopsMapReduceOperator(
            task_id="reduced", map_function=first_byte, map_iterdata=doubled.output, reduce_function=sum
        )

with DAG("by_reference", schedule=None, default_args={"retries": 0}):
    tolerant = LithopsMapOperator(
        task_id="tolerant", map_function=fails_at_three, map_iterdata=range(5), get_result=False, min_success_ratio=0.5
    )
    sent = LithopsMapOperator(task_id="sent", map_function=abs, map_iterdata=[10, 20], async_invoke=True)
    LithopsMapOperator(task_id="left_out", map_function=str, iterdata_from_task="tolerant").set_upstream(tolerant)
    LithopsMapOperator(
        task_id="propagated", map_function=str, map_iterdata=tolerant.output, upstream_failures="propagate"
    )
    LithopsMapOperator(task_id="of_several", map_function=str, map_iterdata=[tolerant.output, sent.output])
    LithopsCallAsyncOperator(
        task_id="call", func=add_up, data={"numbers": tolerant.output}, data_from_task={"more": "sent"}
    ).set_upstream(sent)

    @task.lithops_map
    def decorated(number: int, factor: int) -> int:
        """Take items by reference, as any operator does."""
        return number * factor

    decorated(sent.output, factor=3)

# For each entry of the job's value, it makes a task that fails.
with DAG("by_reference_expanded", schedule=None):
    sent = LithopsMapOperator(task_id="sent", map_function=abs, map_iterdata=[10, 20], async_invoke=True)
    LithopsMapOperator.partial(task_id="expanded", map_function=str).expand(map_iterdata=sent.output)
