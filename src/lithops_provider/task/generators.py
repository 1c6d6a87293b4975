"""
Wraps generators that are arguments of operators, so that Airflow stores the same text for them each time it parses the
DAG file. `LithopsMapOperator` wraps its items, and the operators behind the decorators wrap their arguments.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import GeneratorType
from typing import Any


def freeze_generator(value: Any) -> Any:
    """Returns a generator in a wrapper whose text stays the same, and any other value as it is."""
    return _Generator(value) if isinstance(value, GeneratorType) else value


class _Generator:
    """
    The wrapper of a generator. The text of a generator itself has its address in memory, so Airflow would take the DAG
    for another one, and store another version of it, each time it parses the file.
    """

    def __init__(self, generator: Iterator[Any]) -> None:
        self._generator = generator

    def __iter__(self) -> Iterator[Any]:
        return self._generator

    def serialize(self) -> str:
        """Returns the text that Airflow stores and shows."""
        return "<generator>"

    def __repr__(self) -> str:
        return self.serialize()  # Airflow 3.1 asks for this one within lists
