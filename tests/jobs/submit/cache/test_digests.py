"""By which digests cached results are found, made by other processes."""

from __future__ import annotations

from tests.programs import run_python

#: Prints the digest of a function that refers to sets, and those of items of several kinds.
PROGRAM = """
from lithops_provider.jobs.binding.function import bind_items
from lithops_provider.jobs.submit.cache.digests import digest_arguments, digest_function
from lithops_provider.jobs.submit.spec import Options, make_spec

WORDS = {"alpha", "beta", "gamma", "delta"}

def count(words, *, known=frozenset(WORDS), more=None):
    return len(WORDS & set(words) & known) + (words in {"one", "two", "three", "four"})

texts, sets, dicts = ["alpha", 1, 2.5, None], [WORDS, frozenset(WORDS)], [(dict.fromkeys(WORDS, 1),)]
for items in (texts, sets, dicts, [{"words": [1], "more": 2}]):
    spec = make_spec("map", *bind_items(count, items), Options(cache=True))
    print(digest_function(spec), [digest.hex() for digest in digest_arguments(spec)])
"""


def test_another_interpreter_with_another_hash_seed_makes_the_same_digests() -> None:
    printed = [run_python(PROGRAM, environment={"PYTHONHASHSEED": seed}).splitlines() for seed in ("1", "2")]

    assert printed[0] == printed[1]
    assert len(printed[0]) == 4
