"""What is measured: each row is one DAG run, with a number of items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LABELS = {
    "empty": "an empty `@task`",
    "list": "a `@task` that returns the same list",
    "map": "`LithopsMapOperator`",
    "map_reference": "`LithopsMapOperator`, `get_result=False`",
    "map_generator": "`LithopsMapOperator`, `get_result=False`, items of a generator",
    "map_1": "`LithopsMapOperator`, `batch_size=1`",
    "map_dicts": "`LithopsMapOperator`, small dicts",
    "map_deferred": "`LithopsMapOperator`, `deferrable=True`, items of 0.02 s",
    "chain_reference": "map, map, reduce over results of 1 MB, by reference",
    "chain_value": "the same, by value",
    "chain_expand": "the same, `@task.expand`",
    "expand": "`@task.expand`",
    "executed": "`@task.expand`, by the LithopsExecutor",
    "lithops_2": "`@task`, plain Lithops as installed (localhost version 2)",
    "lithops_1": "`@task`, plain Lithops, localhost version 1",
    "lithops_batches": "`@task`, plain Lithops, batches made by hand",
    "lithops_batches_dicts": "`@task`, plain Lithops, batches made by hand, small dicts",
    "pool": "`@task`, ProcessPoolExecutor",
    "pool_tuned": "`@task`, ProcessPoolExecutor, tuned `chunksize`",
    "map_beside_peers": "`LithopsMapOperator`, in the run with Ray and Dask",
    "ray": "`@task`, Ray",
    "dask": "`@task`, Dask",
    "map_cached": "`LithopsMapOperator`, `cache=True`, all of them cached, `get_result=False`",
    "big_tree": "results of 100 KB, `reduce_fan_in=100`",
    "big_single": "the same, reduced by one call",
    "big_words": "words of a text, MB: `reduce_by_key`",
    "big_words_dask": "the same, Dask, `Bag.foldby`",
    "big_words_ray": "the same, Ray Data, `groupby`",
    "big_words_s3": "words of a text on an S3 server, MB: `reduce_by_key`",
    "big_words_s3_dask": "the same, Dask, `Bag.foldby`",
    "big_words_s3_ray": "the same, Ray Data, `groupby`",
}
"""The contenders, in the order of the table."""


@dataclass(frozen=True)
class Row:
    """
    One measurement.

    :param contender: a key of :data:`LABELS`
    :param items: number of items
    :param dag_id: the DAG that does it
    :param conf: configuration of its run
    :param timeout: seconds that a run may take
    :param family: the name that ``--only`` and ``--size`` have for it and those that it is compared with; all rows of
        a family that count words have to find the same
    :param first: the configuration of the run that isn't counted; ``conf`` unless given
    :param once: whether it is run once, however many repetitions are wanted: it takes long, or is to show whether it
        runs at all
    """

    contender: str
    items: int
    dag_id: str
    conf: dict[str, Any] = field(default_factory=dict)
    timeout: float = 300
    family: str = ""
    first: dict[str, Any] | None = None
    once: bool = False

    @property
    def key(self) -> str:
        """Its name in ``results.json``."""
        return f"{self.contender}_{self.items}"


FAMILIES = ("tree", "words")
"""The families of rows, which can have another size."""


def usual(quick: bool, sizes: Mapping[str, int]) -> list[Row]:
    """
    Return what ``make bench`` measures. Rows to be compared are neighbours: they run one after the other.

    :param quick: whether to take the smallest sizes only
    :param sizes: numbers of items by family, for those that are to have another one
    """
    if quick:
        return [
            empty(),
            mapped(100),
            expand(10),
            mapped(100, 1),
            plain(100, 1),
            plain(5, 2),
            pool(100),
            batches(100),
            deferred(100),
            listed(100),
            referred(100),
            referred(100, generator=True),
            cached(100),
            *trees(sizes.get("tree", 300)),
        ]
    return [
        mapped(100),
        expand(100),
        Row("executed", 100, "benchmark_executed_100", timeout=900),
        plain(100, 2),
        mapped(1_000),
        pool(1_000),
        pool(1_000, tuned=True),
        mapped(1_000, 1),
        plain(1_000, 1),
        mapped(10_000),
        pool(10_000),
        pool(10_000, tuned=True),
        mapped(100_000),
        batches(100_000),
        pool(100_000),
        pool(100_000, tuned=True),
        Row("map_dicts", 100_000, "benchmark_map_dicts", {"count": 100_000}),
        batches(100_000, dicts=True),
        plain(300, 2),
        deferred(1_000),
        empty(),
        listed(1_000_000),
        mapped(1_000_000),
        referred(1_000_000),
        pool(1_000_000, tuned=True),
        referred(10_000_000),
        referred(10_000_000, generator=True),
        *chains(),
        cached(100_000),
        *trees(sizes.get("tree", 10_000)),
    ]


def peers(quick: bool, sizes: Mapping[str, int]) -> list[Row]:
    """
    Return what ``make bench-peers`` measures.

    :param quick: whether to take the smallest size only
    :param sizes: see :func:`usual`
    """
    megabytes = sizes.get("words", 20 if quick else 1_000)
    rows = [*words(megabytes), *words(megabytes, s3=True)]
    for items in (100,) if quick else (1_000, 10_000):
        conf = {"count": items}
        rows += [
            Row("map_beside_peers", items, "benchmark_map", conf),
            Row("ray", items, "benchmark_ray", conf),
            Row("dask", items, "benchmark_dask", conf),
        ]
    return rows


def long(quick: bool, _: Mapping[str, int]) -> list[Row]:
    """
    Return what plain Lithops takes many minutes for.

    :param quick: whether to take small sizes instead
    """
    if quick:
        return [plain(10, 2), plain(200, 1)]
    return [plain(1_000, 2), plain(10_000, 1), plain(100_000, 1)]


def empty() -> Row:
    """Return the row of a task that does nothing."""
    return Row("empty", 0, "benchmark_empty")


def mapped(items: int, batch_size: int | str = "auto") -> Row:
    """
    Return a row of the operator.

    :param items: number of items
    :param batch_size: its parameter
    """
    contender = "map" if batch_size == "auto" else f"map_{batch_size}"
    return Row(contender, items, "benchmark_map", {"count": items, "batch_size": batch_size})


def listed(items: int) -> Row:
    """
    Return the row of a task that makes the results itself.

    :param items: number of results
    """
    return Row("list", items, "benchmark_list", {"count": items})


def referred(items: int, *, generator: bool = False) -> Row:
    """
    Return a row of the operator whose results stay in the storage.

    :param items: number of items
    :param generator: whether a generator yields them
    """
    contender = "map_generator" if generator else "map_reference"
    return Row(
        contender,
        items,
        "benchmark_map_reference",
        {"count": items, "generator": generator},
        timeout=600,
        once=generator and items > 1_000_000,
    )


def chains() -> list[Row]:
    """Return the rows of large results that go from task to task."""
    return [
        Row(f"chain_{name}", 50, f"benchmark_chain_{name}", timeout=600) for name in ("reference", "value", "expand")
    ]


def cached(items: int) -> Row:
    """
    Return a row of items that are all in the cache.

    :param items: number of items
    """
    return Row("map_cached", items, "benchmark_map_cached", {"count": items})


def trees(items: int) -> list[Row]:
    """
    Return the rows of large results that are reduced, in a tree and, if their 100 KB each go into memory, at once.

    :param items: number of results
    """
    fan_ins = {"big_tree": 100, "big_single": items} if items <= 20_000 else {"big_tree": 100}
    return [
        Row(
            name,
            items,
            "benchmark_tree",
            {"count": items, "fan_in": fan_in},
            timeout=900 + items // 50,
            family="tree",
            first={"count": 300, "fan_in": 100},
        )
        for name, fan_in in fan_ins.items()
    ]


def words(megabytes: int, *, s3: bool = False) -> list[Row]:
    """
    Return the rows of a text whose words are counted.

    :param megabytes: of the text
    :param s3: whether it is on an S3 server, not in localhost's storage
    """
    name = "big_words_s3" if s3 else "big_words"
    dags = {name: "words_s3" if s3 else "words", f"{name}_dask": "words_dask", f"{name}_ray": "words_ray"}

    def conf(size: int) -> dict[str, Any]:
        return {"megabytes": size, "s3": s3}

    return [
        Row(
            contender,
            megabytes,
            f"benchmark_{dag}",
            conf(megabytes),
            timeout=600 + 2 * megabytes,
            family="words",
            first=conf(1),
            once=True,
        )
        for contender, dag in dags.items()
    ]


def deferred(items: int) -> Row:
    """
    Return a row of a deferred job.

    :param items: number of items
    """
    return Row("map_deferred", items, "benchmark_deferred", {"count": items})


def expand(items: int) -> Row:
    """
    Return a row of Airflow's task mapping.

    :param items: number of items, of which there is a DAG
    """
    return Row("expand", items, f"benchmark_expand_{items}", timeout=900)


def plain(items: int, version: int) -> Row:
    """
    Return a row of plain Lithops with one call an item.

    :param items: number of items
    :param version: of the localhost backend
    """
    seconds_an_item = {1: 0.1, 2: 3.0}[version]
    conf = {"count": items, "version": version}
    timeout = 120 + items * seconds_an_item
    return Row(f"lithops_{version}", items, "benchmark_lithops", conf, timeout=timeout, once=version == 2)


def batches(items: int, *, dicts: bool = False) -> Row:
    """
    Return a row of plain Lithops with batches made by hand.

    :param items: number of items
    :param dicts: whether they are small dicts, not ints
    """
    contender = "lithops_batches_dicts" if dicts else "lithops_batches"
    return Row(contender, items, "benchmark_lithops_batches", {"count": items, "dicts": dicts})


def pool(items: int, *, tuned: bool = False) -> Row:
    """
    Return a row of the standard library's process pool.

    :param items: number of items
    :param tuned: whether to send them in a few large chunks
    """
    contender = "pool_tuned" if tuned else "pool"
    conf = {"count": items, "tuned": tuned}
    return Row(contender, items, "benchmark_pool", conf, once=not tuned and items > 10_000)
