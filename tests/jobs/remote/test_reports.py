from __future__ import annotations

import faulthandler
import math
import os
import random
import tempfile

import pytest

from lithops_provider.jobs.remote.reports import SUCCESS, Block, Message, MessageReader, MessageWriter, Ring


def test_messages_arrive_whole_however_they_are_cut() -> None:
    sent = [
        Message(7, SUCCESS, 1.5, 0.25, 1 << 40, 5, b"payload", "ünd text"),
        Message(8, SUCCESS, 1.5, 0.25, 0, 6, b"", ""),
    ]
    with tempfile.TemporaryFile() as file:
        write = MessageWriter(file.fileno())
        for message in sent:
            write(message)
        file.seek(0)
        data = file.read()
    reading, writing = os.pipe()
    reader = MessageReader(reading)
    messages = []
    for position in range(len(data)):
        os.write(writing, data[position : position + 1])
        messages += reader.read()
    os.close(writing)
    os.close(reading)

    assert messages == sent


def split(block: Block) -> list[bytes]:
    results, start = [], 0
    for size in block.sizes:
        results.append(block.results[start : start + size])
        start += size
    assert start == len(block.results)
    return results


@pytest.mark.parametrize("seed", range(20))
def test_rows_come_out_as_they_went_in_around_the_ring_again_and_again(seed: int) -> None:
    chance = random.Random(seed)
    ring = Ring(chance.randint(1, 40), chance.randint(1, 300))
    watcher = _seen_from_another_process(ring)
    sent: list[tuple[bytes, float]] = []
    taken: list[tuple[bytes, float]] = []
    refused = 0
    while len(sent) < 2000:
        result = chance.randbytes(chance.randint(0, ring.size))
        if ring.add(result, float(len(sent)), 0.5):
            sent.append((result, float(len(sent))))
        else:
            refused += 1
            ring.begin_block(0, 0.0)
        if chance.random() < 0.3 or ring.count - watcher.taken == ring.slots or refused % 3 == 2:
            block = watcher.take(watcher.count - chance.randint(0, watcher.count - watcher.taken) // 2)
            taken += zip(split(block), block.started, strict=True)
            assert set(block.seconds) <= {0.5}
    block = watcher.take(watcher.count)
    taken += zip(split(block), block.started, strict=True)

    assert refused
    assert taken == sent


def _seen_from_another_process(ring: Ring) -> Ring:
    """The same memory, with a watcher's own idea of how far it has come."""
    watcher = Ring.__new__(Ring)
    watcher.__dict__.update(ring.__dict__)
    return watcher


def test_what_does_not_fit_is_not_added_until_there_is_room() -> None:
    ring = Ring(4, 20)
    watcher = _seen_from_another_process(ring)

    assert not ring.add(bytes(21), 0.0, 0.0)
    assert [ring.add(bytes(4), 0.0, 0.0) for _ in range(3)] == [2, 1, 0]
    ring.begin_block(0, 0.0)
    assert [ring.add(bytes(5), 0.0, 0.0) for _ in range(3)] == [2, 1, 0]
    ring.begin_block(0, 0.0)
    assert not ring.add(b"", 0.0, 0.0)
    watcher.take(1)
    ring.begin_block(0, 0.0)
    assert [ring.add(bytes(6), 0.0, 0.0), ring.add(b"", 0.0, 0.0)] == [1, 0]
    watcher.take(5)
    ring.begin_block(0, 0.0)
    assert [ring.add(bytes(10), 0.0, 0.0), ring.add(bytes(1), 0.0, 0.0), ring.add(b"", 0.0, 0.0)] == [2, 0, 1]
    assert (ring.count, watcher.taken) == (7, 5)


def test_a_block_has_room_for_half_of_what_the_memory_holds() -> None:
    ring = Ring(100, 100)
    watcher = _seen_from_another_process(ring)
    assert [ring.add(bytes(50), 0.0, 0.0), ring.add(bytes(1), 0.0, 0.0)] == [50, 0]
    ring.begin_block(5, 0.0)
    assert [ring.add(b"", 0.0, 0.0) for _ in range(51)] == list(range(50, -1, -1))

    assert list(watcher.take(51).peak_memory) == [0] + [5] * 50


def test_an_item_that_takes_a_millisecond_has_its_own_peak_memory() -> None:
    ring = Ring(100, 100)
    watcher = _seen_from_another_process(ring)
    ring.begin_block(5, 0.0)
    ring.add(b"", 0.0, 0.0009)
    ring.add(b"", 0.0, 0.001)
    ring.add(b"", 0.0, 0.0009)

    first, second, third = watcher.take(3).peak_memory
    assert first == 5
    assert second == third > 1 << 20


def test_a_child_writes_and_the_parent_reads_what_it_left_when_it_was_killed() -> None:
    ring = Ring(10, 100)
    pid = os.fork()
    if pid == 0:
        ring.begin_block(0, 0.5)
        ring.add(b"one", 1.0, 2.0)
        ring.add(b"two", 3.0, 4.0)
        ring.set_idle()
        os.kill(os.getpid(), 9)
    os.waitpid(pid, 0)

    assert (ring.count, ring.since, ring.idle) == (2, 7.0, True)
    assert split(ring.take(2)) == [b"one", b"two"]


def test_an_item_runs_since_the_one_before_it_ended_or_its_block_began() -> None:
    ring = Ring(3, 10)
    assert ring.since == 0
    ring.begin_block(0, 5.0)
    assert ring.since == 5.0
    ring.add(b"", 5.0, 1.0)
    assert ring.since == 6.0
    ring.begin_block(0, 8.0)
    assert ring.since == 8.0


@pytest.mark.parametrize("count", [-1, 2, 1 << 40])
def test_a_count_that_cannot_be_is_an_error(count: int) -> None:
    ring = Ring(3, 10)
    watcher = _seen_from_another_process(ring)
    ring.add(b"x", 0.0, 0.0)
    ring._ends[1] = -5

    with pytest.raises(ValueError, match="follow on"):
        watcher.take(count)


@pytest.mark.parametrize("end", [-1, 11, 1 << 62])
def test_results_that_cannot_be_are_an_error(end: int) -> None:
    ring = Ring(3, 10)
    watcher = _seen_from_another_process(ring)
    ring.add(b"x", 0.0, 0.0)
    ring._ends[0] = end

    with pytest.raises(ValueError, match="follow on"):
        watcher.take(1)


@pytest.mark.parametrize("column", ["_started", "_seconds"])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e300])
def test_times_that_cannot_be_are_an_error(column: str, number: float) -> None:
    ring = Ring(3, 10)
    watcher = _seen_from_another_process(ring)
    ring.add(b"x", 0.0, 0.0)
    getattr(ring, column)[0] = number

    with pytest.raises(ValueError, match="times"):
        watcher.take(1)


def test_children_of_the_writer_have_no_part_of_it() -> None:
    """Whatever a process that a function forks does, it can't report."""
    ring = Ring(3, 10)
    ring.keep_from_children()
    pid = os.fork()
    if pid == 0:
        faulthandler.disable()
        ring.add(b"x", 0.0, 0.0)
        os._exit(0)
    os.waitpid(pid, 0)

    assert ring.count == 0
