"""The same count of words by Dask's bags and by Ray Data, in a @task, as their documentation shows them."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task
from peaks import report_peaks
from words import folder_of

settings: dict[str, Any] = {
    "schedule": None,
    "params": {"megabytes": 10},
    "default_args": {"on_success_callback": report_peaks},
}

with DAG("benchmark_words_dask", **settings):

    @task
    def with_dask(params: dict[str, Any]) -> list[tuple[str, int]]:
        """Fold the words by themselves."""
        from operator import add

        import dask.bag
        from dask.distributed import Client, LocalCluster

        with LocalCluster() as cluster, Client(cluster):
            lines = dask.bag.read_text(f"{folder_of(params['megabytes'])}/*.txt", blocksize=16 << 20)
            words = lines.str.split().flatten()
            counts = words.foldby(lambda word: word, lambda count, word: count + 1, 0, add, 0)
            return sorted(counts.compute())

    with_dask()

with DAG("benchmark_words_ray", **settings):

    @task
    def with_ray(params: dict[str, Any]) -> list[tuple[str, int]]:
        """Count the words of each batch of lines, then group them: a row for each word takes many times as long."""
        from collections import Counter

        import ray

        ray.init()

        def count_words(batch: dict[str, Any]) -> dict[str, Any]:
            counts: Counter[str] = Counter()
            for line in batch["text"]:
                counts.update(line.split())
            return {"word": list(counts), "count": list(counts.values())}

        lines = ray.data.read_text(str(folder_of(params["megabytes"])))
        counts = lines.map_batches(count_words, batch_size=100_000).groupby("word").sum("count")
        found = sorted((row["word"], row["sum(count)"]) for row in counts.take_all())
        ray.shutdown()
        return found

    with_ray()
