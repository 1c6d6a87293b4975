"""Where the text is whose words are counted: benchmarks/texts.py puts it there."""

from __future__ import annotations

import os

FOLDER = "BENCHMARK_TEXTS"
"""Environment variable with the folder that has a folder for each text, called by its size in MB."""
CONNECTION = "benchmark_s3"
"""Airflow's connection to the S3 server with the same."""
BUCKET = "words"
"""Its bucket."""


def local_folder(megabytes: int) -> str:
    """
    Return the folder with a text.

    :param megabytes: its size
    """
    return os.path.join(os.environ[FOLDER], str(megabytes))


def server_of() -> dict[str, str]:
    """Return where the S3 server is, and its keys, as the connection has them."""
    from airflow.sdk import Connection

    section: dict[str, str] = Connection.get(CONNECTION).extra_dejson["minio"]
    return section
