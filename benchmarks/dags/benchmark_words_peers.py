"""
The same count of words by Dask's bags and by Ray Data, in a @task. Each is written as an experienced user of it would,
and starts a cluster on this machine for as long as the task.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task
from peaks import report_peaks
from words import BUCKET, local_folder, server_of

settings: dict[str, Any] = {
    "schedule": None,
    "params": {"megabytes": 10, "s3": False},
    "default_args": {"on_success_callback": report_peaks},
}

with DAG("benchmark_words_dask", **settings):

    @task
    def with_dask(params: dict[str, Any]) -> list[list[Any]]:
        """Fold the words by themselves, in pieces of 16 MB."""
        from operator import add

        import dask.bag
        from dask.distributed import Client, LocalCluster

        options: dict[str, Any] = {}
        if params["s3"]:
            server = server_of()
            url = f"s3://{BUCKET}/{params['megabytes']}/*.txt"
            options = {
                "key": server["access_key_id"],
                "secret": server["secret_access_key"],
                "client_kwargs": {"endpoint_url": server["endpoint"]},
            }
        else:
            url = f"{local_folder(params['megabytes'])}/*.txt"
        with LocalCluster() as cluster, Client(cluster):
            lines = dask.bag.read_text(url, blocksize=16 << 20, storage_options=options)
            words = lines.str.split().flatten()
            counts = words.foldby(lambda word: word, lambda count, word: count + 1, 0, add, 0)
            return [[word, count] for word, count in sorted(counts.compute())]

    with_dask()

with DAG("benchmark_words_ray", **settings):

    @task
    def with_ray(params: dict[str, Any]) -> list[list[Any]]:
        """
        Count the words of each file, then group these counts by word and add them.

        What is shorter to write takes many times as long. `read_text` makes a row of each line in Python, half a second
        for a megabyte, and a task reads a whole file; so files are read as bytes. Without a count beforehand there
        would be a row for each word. And a partition for each core is enough for the words, where Ray makes 200.
        """
        from collections import Counter

        import ray

        def count_words(files: dict[str, Any]) -> dict[str, Any]:
            counts: Counter[str] = Counter()
            for content in files["bytes"]:
                for line in content.decode().splitlines():
                    counts.update(line.split())
            return {"word": list(counts), "count": list(counts.values())}

        source: dict[str, Any] = {}
        if params["s3"]:
            from pyarrow.fs import S3FileSystem

            server = server_of()
            folder = f"{BUCKET}/{params['megabytes']}"
            source["filesystem"] = S3FileSystem(
                access_key=server["access_key_id"],
                secret_key=server["secret_access_key"],
                endpoint_override=server["endpoint"],
            )
        else:
            folder = local_folder(params["megabytes"])
        ray.init()
        counts = ray.data.read_binary_files(folder, **source).map_batches(count_words, batch_size=1)
        cores = int(ray.cluster_resources()["CPU"])
        sums = counts.groupby("word", num_partitions=cores).sum("count").take_all()
        ray.shutdown()
        return sorted([row["word"], row["sum(count)"]] for row in sums)

    with_ray()
