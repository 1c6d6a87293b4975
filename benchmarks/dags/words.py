"""The text whose words are counted, made once for each size."""

from __future__ import annotations

import itertools
import os
import random
from pathlib import Path

VOCABULARY = 50_000
"""How many words there are. The n-th is about n times as rare as the first."""
_BLOCK = 1_000_000
_FILE = 64
"""Blocks of a file."""


def folder_of(megabytes: int) -> Path:
    """
    Return the folder with a text of so many megabytes, in the bucket of localhost's storage.

    :param megabytes: its size
    """
    from lithops.constants import LITHOPS_TEMP_DIR

    folder = Path(LITHOPS_TEMP_DIR) / "storage" / f"words-{megabytes}"
    if not folder.exists():
        partial = folder.with_suffix(f".{os.getpid()}")
        partial.mkdir(parents=True)
        _write(partial, megabytes)
        os.rename(partial, folder)
    return folder


def text_path(megabytes: int) -> str:
    """
    Return its path in storage.

    :param megabytes: its size
    """
    return f"storage/{folder_of(megabytes).name}/"


def _write(folder: Path, megabytes: int) -> None:
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
