from __future__ import annotations

import pytest

from lithops_provider.jobs.remote.output import class_name, storable


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("plain", "plain"),
        ("Grüße, \U0001f600\n\t", "Grüße, \U0001f600\n\t"),
        ("no file r-\udce9.csv", "no file r-\\udce9.csv"),
        ("\ud83d\ude00", "\\ud83d\\ude00"),
        ("a\0b", "a\\x00b"),
        ("a\\b", "a\\b"),
        ("", ""),
        ("x" * 40, "x" * 40),
        ("x" * 41, "x" * 37 + "..."),
        ("\0" * 40, "\\x00" * 9 + "\\..."),
        ("x" * 5_000_000, "x" * 37 + "..."),
    ],
)
def test_every_database_takes_what_is_storable(text: str, stored: str) -> None:
    assert storable(text, 40) == stored
    assert "\0" not in stored
    stored.encode()


class Liar(str):
    def encode(self, *args: object) -> bytes:
        raise RuntimeError

    def __getitem__(self, item: object) -> str:
        raise RuntimeError

    def __len__(self) -> int:
        raise RuntimeError


def test_code_of_a_subclass_is_not_run() -> None:
    assert type(storable(Liar("text\0"), 100)) is str
    assert storable(Liar("text\0"), 100) == "text\\x00"


def test_the_name_of_a_class_that_hides_it() -> None:
    class Meta(type):
        def __getattribute__(cls, name: str) -> object:
            raise RuntimeError

    kind = Meta("Named", (), {})

    assert class_name(kind) == "Named"
