"""Outcomes in columns."""

from __future__ import annotations

import random
from typing import Any

import pytest

from lithops_provider.jobs.remote.outcomes import Durations, Outcome, Outcomes, Part, lost_outcome
from lithops_provider.jobs.remote.parts import PartBuilder, decode_header

FAILURE = {"type": "ValueError", "message": "no", "traceback": ""}


def part(values: dict[int, bytes | None], **printed: str) -> Part:
    """Returns a part with a result for each item, or a failure for None."""
    return Part.decode(encoded(values, **printed))


def encoded(values: dict[int, bytes | None], **printed: str) -> bytes:
    """Returns such a part as it is stored."""
    builder = PartBuilder()
    for index, value in values.items():
        if value is None:
            builder.add_failure(index, 1.0, 2.0, 3, FAILURE)
        else:
            builder.add_success(index, 1.0, 2.0, 3, value)
    for name, text in printed.items():
        builder.add_output(int(name.removeprefix("item_")), text)
    return builder.encode()


def shown(outcomes: Outcomes) -> dict[int, bytes | None]:
    """Returns the result of each item, None where it failed, in the order in which they come."""
    return {index: None if one.result is None else bytes(one.result) for index, one in outcomes.items()}


def test_outcomes_come_in_the_order_of_the_items() -> None:
    outcomes = Outcomes()
    outcomes.add_part(part({7: b"seven", 3: None}))
    outcomes.add_part(part({0: b"", 5: b"five"}))

    assert list(shown(outcomes).items()) == [(0, b""), (3, None), (5, b"five"), (7, b"seven")]
    assert (len(outcomes), outcomes.succeeded, outcomes.failed) == (4, 3, [3])
    assert outcomes[3] == Outcome(3, None, FAILURE, 1.0, 2.0, 3, "")


def test_results_that_were_not_read_are_none() -> None:
    outcomes = Outcomes()
    outcomes.add_part(Part(decode_header(encoded({0: b"zero", 1: b"one"}))))
    outcomes.add_part(Part(decode_header(encoded({2: None, 3: b"three"}))))

    assert (outcomes.succeeded, outcomes.failed) == (3, [2])
    assert [index for indices, _ in outcomes.results() for index in indices] == []


@pytest.mark.parametrize("index", [-1, 1, 2, 100, "0"])
def test_an_item_without_an_outcome_is_not_there(index: Any) -> None:
    outcomes = Outcomes()
    outcomes.add_part(part({0: b"zero", 3: b"three"}))

    assert index not in outcomes
    with pytest.raises(KeyError):
        outcomes[index]


def test_a_success_stays_and_a_failure_gives_way_to_what_comes_later() -> None:
    outcomes = Outcomes()
    outcomes.add_part(part({0: b"success", 1: None, 2: None}))
    outcomes.add_part(part({0: None, 1: b"second try", 2: None}))
    outcomes.add([lost_outcome(2, {**FAILURE, "message": "third"}), lost_outcome(1, FAILURE), lost_outcome(4, FAILURE)])

    assert shown(outcomes) == {0: b"success", 1: b"second try", 2: None, 4: None}
    assert outcomes[2].failure == {**FAILURE, "message": "third"}
    assert (outcomes.succeeded, outcomes.failed) == (2, [2, 4])


def test_what_was_told_gives_way_to_a_later_part() -> None:
    outcomes = Outcomes()
    outcomes.add([lost_outcome(0, FAILURE), lost_outcome(1, FAILURE)])
    outcomes.add_part(part({0: b"success"}))

    assert shown(outcomes) == {0: b"success", 1: None}


def test_update_takes_all_of_another() -> None:
    earlier, later = Outcomes(), Outcomes()
    earlier.add_part(part({0: b"zero", 1: None}))
    later.add_part(part({1: b"one", 2: None}))
    later.add([lost_outcome(3, FAILURE)])
    earlier.update(later)

    assert shown(earlier) == {0: b"zero", 1: b"one", 2: None, 3: None}
    assert earlier.failed == [2, 3]


def test_a_success_can_be_replaced() -> None:
    """Its result can turn out not to load here."""
    outcomes = Outcomes()
    outcomes.add_part(part({0: b"zero", 1: b"one"}))
    outcomes.replace(lost_outcome(1, FAILURE))
    outcomes.replace(lost_outcome(2, FAILURE))

    assert shown(outcomes) == {0: b"zero", 1: None, 2: None}
    assert (outcomes.succeeded, outcomes.failed) == (1, [1, 2])


def test_printed_are_those_that_count_and_printed() -> None:
    outcomes = Outcomes()
    outcomes.add_part(part({4: None, 0: b"", 1: b""}, item_4="of the first try", item_1="one"))
    outcomes.add_part(part({4: b""}))
    outcomes.add_part(part({2: None}, item_2="two"))

    assert [(outcome.item, outcome.output) for outcome in outcomes.printed()] == [(1, "one"), (2, "two")]


def test_a_part_that_tells_of_an_item_twice_is_refused() -> None:
    """Such a part was made by a process that the function has forked: which of the two is right can't be told."""
    builder = PartBuilder()
    for value in (b"the item's", b"its fork's"):
        builder.add_success(3, 1.0, 2.0, 3, value)

    with pytest.raises(ValueError, match="tells of an item twice"):
        Part.decode(builder.encode())


@pytest.mark.parametrize("seed", range(20))
def test_runs_of_successes_are_as_good_as_one_item_after_another(seed: int) -> None:
    """Parts whose items have all succeeded are kept as runs, which nobody may notice."""
    chance = random.Random(seed)
    together, one_by_one = Outcomes(), Outcomes()
    for number in range(30):
        first, count = chance.randrange(40), chance.randrange(1, 15)
        failing = chance.random() < 0.4
        values = {
            index: None if failing and chance.random() < 0.5 else f"{number}.{index}".encode()
            for index in range(first, first + count)
        }
        together.add_part(part(values))
        for index, value in values.items():
            one_by_one.add_part(part({index + 1000: b"", index: value}))  # not a run
        if chance.random() < 0.2:
            for outcomes in (together, one_by_one):
                outcomes.replace(lost_outcome(first, FAILURE))

    known = {index: value for index, value in shown(one_by_one).items() if index < 1000}
    assert shown(together) == known
    assert len(together) == len(known)
    assert together.failed == one_by_one.failed
    assert together.missing(range(60)) == [index for index in range(60) if index not in known]
    read = {index: bytes(one) for indices, ones in together.results() for index, one in zip(indices, ones, strict=True)}
    assert read == {index: value for index, value in known.items() if value is not None}


def test_of_a_part_whose_results_were_not_read_failures_and_output_are_there() -> None:
    outcomes = Outcomes()
    outcomes.add_part(Part(decode_header(encoded({0: b"zero", 1: None}, item_0="said"))))

    assert outcomes[0] == Outcome(0, None, None, 0.0, 0.0, 0, "said")
    assert outcomes[1].failure == FAILURE
    assert [list(found) for found, _ in outcomes.results()] == [[]]
    assert outcomes.durations() == Durations(4.0, [(0, 2.0), (1, 2.0)], 3)
    assert outcomes.ended() == 3.0


def test_results_that_are_not_kept_are_forgotten_and_nothing_else_is() -> None:
    outcomes = Outcomes()
    outcomes.add_part(part({0: b"zero", 1: b"one"}, item_1="said"))
    outcomes.add_part(part({2: b"two", 3: None}))
    taken = [bytes(one) for _, ones in outcomes.results(keep=False) for one in ones]

    assert taken == [b"zero", b"one", b"two"]
    assert outcomes[1] == Outcome(1, None, None, 0.0, 0.0, 0, "said")
    assert outcomes[3].failure == FAILURE
    assert (len(outcomes), outcomes.failed, outcomes.succeeded) == (4, [3], 3)
    assert outcomes.durations() == Durations(8.0, [(0, 2.0), (1, 2.0), (2, 2.0)], 3)
    assert outcomes.ended() == 3.0
