from __future__ import annotations

import copy
import hashlib
import io
import itertools
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest

from lithops_provider.jobs.remote.frames import NAMED, ONE, PICKLED, SEVERAL, ItemBlocks, pack_block
from lithops_provider.jobs.submit import digest as digest_module
from lithops_provider.jobs.submit import pickle_reader
from lithops_provider.jobs.submit.digest import digest_items, digest_pickle
from tests.programs import run_python

#: Values of every kind that is pickled in another way by another process, as a program that prints their digests.
PROGRAM = """
import cloudpickle, functools, numpy, pandas
from dataclasses import dataclass, field
from lithops_provider.jobs.submit.digest import digest_pickle

WORDS = {"alpha", "beta", "gamma", "delta"}

@dataclass
class Row:
    words: set
    def known(self, word):
        return word in WORDS

class Words(set):
    limit = frozenset(WORDS)

class Plain:
    def __init__(self):
        self.words = set(WORDS)

def known(word, words=frozenset(WORDS)):
    return word in words or word in {"one", "two", "three", "four"} or word in WORDS

def closure():
    words = set(WORDS)
    return lambda word: word in words

frame = pandas.DataFrame({"x": [1, 2], "word": ["a", "b"]})
values = [
    WORDS, frozenset(WORDS), {"words": WORDS}, [WORDS, (WORDS,)], {frozenset("abc"), frozenset("def")}, Words(WORDS),
    Row(WORDS), Row, Words, Plain(), known, closure(), functools.partial(known, words=WORDS), Row(WORDS).known,
    [numpy.arange(3), WORDS], [frame, WORDS], [frame["word"], WORDS], [lambda x: x, WORDS],
    dict.fromkeys(WORDS), {word: {word} for word in WORDS},
]
for value in values:
    print(digest_pickle(cloudpickle.dumps(value)))
"""


def dumps(value: Any) -> bytes:
    import cloudpickle

    return bytes(cloudpickle.dumps(value))


def digest(value: Any) -> str:
    return digest_pickle(dumps(value))


def test_values_have_the_same_digest_under_another_hash_seed() -> None:
    printed = [run_python(PROGRAM, environment={"PYTHONHASHSEED": seed}).split() for seed in ("1", "2")]

    assert printed[0] == printed[1]
    assert len(set(printed[0])) == len(printed[0]) == 20


def test_the_identity_of_equal_texts_does_not_matter() -> None:
    one, other = "ab cd", "".join(["ab ", "cd"])

    assert dumps([one, one]) != dumps([one, other])
    assert digest([one, one]) == digest([one, other])


def test_the_order_of_a_dict_does_not_matter_but_where_equality_has_it() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest(OrderedDict(a=1, b=2)) != digest(OrderedDict(b=2, a=1))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2), (1, True), (1, 1.0), ("1", 1), ("a", b"a"), ([1], (1,)), ({1}, {2}), ({1}, frozenset({1})), ({1}, [1]),
        ([1, 2], [2, 1]), ([[1], 2], [1, [2]]), ({"a": 1}, {"a": 2}), ({"a": "b"}, {"b": "a"}), (None, ""), (len, max),
        (["ab", "c"], ["a", "bc"]), (lambda x: x + 1, lambda x: x + 2), (pickle.dumps, pickle.loads), (0.0, -0.0),
    ],
)  # fmt: skip
def test_other_values_have_other_digests(one: Any, other: Any) -> None:
    assert digest(one) != digest(other)


def made(limit: int) -> Callable[[int], bool]:
    return lambda x: x > limit


def from_source(source: str, name: str) -> Any:
    namespace: dict[str, Any] = {"__name__": "made_here"}
    exec(compile(source, f"/somewhere/{len(source)}.py", "exec"), namespace)
    return namespace[name]


def test_functions_are_told_apart_by_what_they_do_and_refer_to() -> None:
    assert digest(made(1)) == digest(made(1))
    assert digest(made(1)) != digest(made(2))
    source = "LIMIT = 1\ndef check(x):\n    return x > LIMIT\n"
    assert digest(from_source(source, "check")) == digest(from_source("\n# moved\n" + source, "check"))
    assert digest(from_source(source, "check")) != digest(from_source(source.replace("= 1", "= 2"), "check"))
    assert digest(from_source(source, "check")) != digest(from_source(source.replace(">", "<"), "check"))


def test_classes_are_told_apart_by_what_is_in_them() -> None:
    source = "class Row:\n    limit = 1\n    def check(self, x):\n        return x > self.limit\n"
    assert digest(from_source(source, "Row")) == digest(from_source(source, "Row"))
    assert digest(from_source(source, "Row")()) != digest(from_source(source.replace("= 1", "= 2"), "Row")())
    assert digest(from_source(source, "Row")()) != digest(from_source(source.replace(">", "<"), "Row")())


def test_what_holds_itself_has_a_digest() -> None:
    one: list[Any] = [1]
    one.append(one)
    other: list[Any] = [2]
    other.append(other)

    assert digest(one) != digest(other)


#: Two functions that call one another, or themselves, by default arguments.
CIRCLE = """
def first(n, then=None):
    return "first" if n == 0 else then(n - 1)

def second(n, then=None):
    return "second" if n == 0 else then(n - 1)

first.__defaults__, second.__defaults__ = ({},), ({},)
"""


def test_functions_that_call_one_another_have_other_digests_if_they_do_so_in_another_way() -> None:
    digests = {
        names: digest(from_source(CIRCLE.format(*names), "first"))
        for names in itertools.product(["first", "second"], repeat=2)
    }

    assert digests["first", "first"] == digests["first", "second"], "the other function isn't called"
    assert len({*digests.values()}) == 3
    assert digest(from_source(CIRCLE.format("second", "first"), "first")) == digests["second", "first"]


def chain(length: int, *, back_to: int) -> list[Any]:
    """Returns lists that hold the next one each, of which the last holds one before it."""
    lists: list[list[Any]] = [[] for _ in range(length)]
    for one, following in itertools.pairwise(lists):
        one.append(following)
    lists[-1].append(lists[back_to])
    lists[-1].append("last")
    return lists[0]


def test_circles_of_lists_are_told_apart_by_where_they_close() -> None:
    chains = [chain(length, back_to=place) for length in range(1, 6) for place in range(length)]

    assert len({digest(each) for each in chains}) == len(chains)
    assert [digest(copy.deepcopy(each)) for each in chains] == [digest(each) for each in chains]


def test_where_a_circle_is_entered_does_not_matter_to_the_digests_in_it() -> None:
    """A set gives its values in any order, so that a circle is entered anywhere."""
    source = CIRCLE.format("second", "first")
    first, second = from_source(source, "first"), from_source(source, "second")

    in_order = [digest_pickle(dumps([{1}, *some])) for some in ([first, second], [second, first])]
    sets = [digest_pickle(pickled_set(*some)) for some in ([first, second], [second, first])]

    assert len({*in_order}) == 2
    assert len({*sets}) == 1


def pickled_set(*values: Any) -> bytes:
    """Returns a set's pickle that has its values in this order."""
    return dumps([*values]).replace(pickle.EMPTY_LIST, pickle.EMPTY_SET, 1)[: -len(b"e.")] + pickle.ADDITEMS + b"."


def test_many_functions_that_all_call_one_another_are_digested_in_good_time() -> None:
    """There are more ways through them than anybody could follow."""
    names = [f"step_{number}" for number in range(20)]
    source = "".join(f"def {name}(n):\n    return [{', '.join(names)}][n](n - 1)\n" for name in names)

    assert digest(from_source(source, names[0])) != digest(from_source(source, names[1]))


# -- plain data ------------------------------------------------------------------------------------------------------


def digest_of(value: Any) -> str:
    return digest_pickle(pickle.dumps(value, protocol=5))


PLAIN: list[Any] = [
    [1, 2],
    (1, 2),
    [1, "2"],
    ["1", "2"],
    ["12"],
    ["1, 2"],
    ["1', '2"],
    [1.0, 2],
    [True, 2],
    [None, 2],
    [[1, 2]],
    [[1], [2]],
    [[1, 2], []],
    {1, 2},
    frozenset({1, 2}),
    {1: 2},
    {"1": 2},
    {1: "2"},
    {2: 1},
    {1: [2]},
    {(1,): 2},
    {True: 2},
    [{1: 2}],
    b"12",
    bytearray(b"12"),
    "12",
    12,
]


#: Lists of dicts, of which some are digested together.
RECORDS: list[Any] = [
    [{}],
    [{}, {}],
    [{"x": 1}, {"x": 2}],
    [{"x": 1}, {"x": True}],
    [{"x": 1}, {"y": 2}],
    [{"x": 1}, {}],
    [{"x": 1}, {1: 1}],
    [{"x": 2}, {"x": 1}],
    ({"x": 1}, {"x": 2}),
    [{"x": 1, "y": 2}, {"x": 3, "y": 4}],
    [{"x": 1, "y": 3}, {"x": 2, "y": 4}],
    [{"x": 1, "y": [2]}, {"x": 3, "y": [4]}],
    [{1: 1}, {1: 2}],
    [{"x": {"alpha", "beta"}}, {"x": {"alpha"}}],
    [{"x": number} for number in range(1200)],
    [{"x": number} for number in [*range(1199), 0]],
]


def test_lists_of_dicts_that_differ_have_digests_that_differ() -> None:
    assert len({digest(value) for value in RECORDS}) == len(RECORDS)


@pytest.mark.parametrize("value", RECORDS, ids=range(len(RECORDS)))
def test_lists_of_dicts_have_the_same_digest_whatever_the_order_of_their_keys_and_who_reads_them(
    value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = type(value)({key: entry[key] for key in reversed(entry)} for entry in value)
    assert digest(other) == digest(value)

    before = digest(value)
    monkeypatch.setattr(pickle_reader, "_PlainReader", None)
    assert digest(value) == before


def test_plain_values_that_differ_have_digests_that_differ() -> None:
    assert len({digest_of(value) for value in PLAIN}) == len(PLAIN)


def test_plain_values_that_are_equal_have_the_same_digest_however_they_were_made() -> None:
    one, other = "".join(["a", "b"]), "".join(["a", "b"])
    pair = (one, 1)

    assert digest_of([one, one]) == digest_of([one, other])
    assert digest_of([pair, pair]) == digest_of([(one, 1), (other, 1)])
    assert digest_of({1: one, 2: other}) == digest_of({2: one, 1: one})
    assert digest_of({"a": [1], "b": {2, 1}}) == digest_of({"b": {1, 2}, "a": [1]})
    here, there = (f"unusual_prefix_{hashlib.sha1(path).hexdigest()}_dag" for path in (b"/here.py", b"/there.py"))
    assert digest_of([here, 1]) == digest_of([there, 1])
    assert digest_of({"k": here}) == digest_of({"k": there})


def test_a_plain_value_that_holds_itself_has_a_digest() -> None:
    endless: list[Any] = [1]
    endless.append(endless)

    assert digest_of(endless) == digest_of(pickle.loads(pickle.dumps(endless)))


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_are_read_in_c_with_the_same_digest(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading step by step takes seconds for a million numbers."""
    blob = pickle.dumps(value, protocol=5)
    in_c = digest_module._Digester().digest(pickle_reader._PlainReader(io.BytesIO(blob)).load())
    assert in_c == digest_module._Digester().digest(pickle_reader._Reader(blob).load())

    monkeypatch.setattr(pickle_reader, "_Reader", None)
    assert digest_of(value)


# -- items -----------------------------------------------------------------------------------------------------------


def items_digests(*blocks: bytes) -> list[bytes]:
    return list(digest_items(ItemBlocks(blocks)))


def pickled_items(*items: Any) -> bytes:
    return pack_block(PICKLED, [pickle.dumps(item, protocol=5) for item in items])


def an_object(**changes: Any) -> dict[str, Any]:
    return {"object": ("obj", {"bucket": "b", "key": "k", "size": 1, "version": "etag", "start": 0, **changes})}


def test_equal_items_have_the_same_digest_in_whatever_block_they_are() -> None:
    assert items_digests(pack_block(ONE, [7])) == items_digests(pack_block(SEVERAL, [(7,)]))
    assert items_digests(pack_block(ONE, [7, "a"])) == items_digests(
        pickled_items(((7,), {}, None)), pickled_items((("a",), {}, None))
    )
    named = items_digests(pack_block(NAMED, [{"x": 1, "y": [2]}, {"x": 1, "y": {"a": 2}}]))
    assert named == items_digests(pickled_items(((), {"y": [2], "x": 1}, None), ((), {"y": {"a": 2}, "x": 1}, None)))


def test_items_that_differ_have_digests_that_differ() -> None:
    items: list[Any] = [
        ((1,), {}, None),
        ((True,), {}, None),
        (("1",), {}, None),
        ((1, 1), {}, None),
        (([1],), {}, None),
        ((), {"x": 1}, None),
        ((), {"y": 1}, None),
        (("x", 1), {}, None),
        (("x",), {"x": 1}, None),
        ((), {}, an_object()),
        ((), {}, an_object(version="other")),
        ((), {}, an_object(size=2)),
        ((), {}, an_object(key="other")),
        ((1,), {}, an_object()),
        ((), {"x": 1}, an_object()),
        ((), {}, {"object": ("data", an_object()["object"][1])}),
        ((), {}, {"results": [1]}),
        (("unusual_prefix_a_report",), {}, None),
        (("unusual_prefix_b_report",), {}, None),
        ((["unusual_prefix_a_report"],), {}, None),
        ((["unusual_prefix_b_report"],), {}, None),
    ]

    assert len({*items_digests(pickled_items(*items))}) == len(items)
