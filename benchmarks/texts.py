"""The text whose words are counted, the same for all: in a folder of this machine and on an S3 server."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import tempfile
from collections.abc import Iterator, Set
from pathlib import Path

from benchmarks.dags.words import BUCKET, CONNECTION, FOLDER
from tests.backends.seaweedfs import SeaweedFS
from tools.session import say

VOCABULARY = 50_000
"""How many words there are. The n-th is about n times as rare as the first."""
_BLOCK = 1_000_000
_FILE = 64
"""Blocks of a file."""


@contextlib.contextmanager
def provide(local: Set[int], on_s3: Set[int]) -> Iterator[dict[str, str]]:
    """
    Write texts, start the S3 server if it is needed, and remove all of it in the end.

    :param local: sizes in MB of the texts in a folder
    :param on_s3: of those on the S3 server
    :return: environment variables by which DAGs find them
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-texts-")))
        for megabytes in sorted(local | on_s3):
            say(f"Writing {megabytes:,} MB of text")
            write(folder / f"{megabytes}", megabytes)
        variables = {FOLDER: str(folder)}
        if on_s3:
            server = SeaweedFS(folder / "server")
            stack.enter_context(server)
            upload(server, [folder / f"{megabytes}" for megabytes in sorted(on_s3)])
            config = {"lithops": {"backend": "localhost", "storage": "minio"}, "minio": server.config()}
            connection = {"conn_type": "lithops", "extra": json.dumps(config)}
            variables[f"AIRFLOW_CONN_{CONNECTION.upper()}"] = json.dumps(connection)
        yield variables


def upload(server: SeaweedFS, folders: list[Path]) -> None:
    """
    Make a bucket with the files of folders.

    :param server: where
    :param folders: the folders, whose names come before those of their files
    """
    client = server.client()
    client.create_bucket(Bucket=BUCKET)
    for path in sorted(path for folder in folders for path in folder.iterdir()):
        client.upload_file(str(path), BUCKET, f"{path.parent.name}/{path.name}")


def write(folder: Path, megabytes: int) -> None:
    """
    Write a text, the same each time.

    :param folder: a new folder for its files
    :param megabytes: its size
    """
    folder.mkdir()
    chance = random.Random(2026)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(VOCABULARY)]
    # Sums of the weights, as `random.choices` would make them anew at each call.
    sums = list(itertools.accumulate(1 / (number + 10) for number in range(VOCABULARY)))
    blocks = []
    for _ in range(min(megabytes, 32)):
        block = bytearray()
        while len(block) < _BLOCK:
            block += " ".join(chance.choices(words, cum_weights=sums, k=12)).encode() + b"\n"
        blocks.append(bytes(block))
    for start in range(0, megabytes, _FILE):
        some = chance.choices(blocks, k=min(_FILE, megabytes - start))
        (folder / f"{start // _FILE:04}.txt").write_bytes(b"".join(some))
