"""What the project promises, computed from what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

Sections = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Target:
    """
    One promise.

    :param name: what is compared
    :param wanted: the limit, for people
    :param value: what was measured
    :param unit: of the value: ``x`` for a ratio
    :param holds: whether the promise is kept
    :param follows_speed: whether the value is time of a processor, so that it is larger on a slower machine
    """

    name: str
    wanted: str
    value: float
    unit: str
    holds: bool
    follows_speed: bool = False


POOL_SECONDS = 0.57
"""
Seconds that a tuned ProcessPoolExecutor took for 1,000,000 ints on the machine on which the limits in seconds were set.
"""


def slowness(sections: Sections) -> float:
    """
    Return how many times as long this machine takes as the one on which the limits in seconds were set. Both have run
    the same pool.

    :param sections: see `benchmarks.report.Results`
    :raises KeyError: the pool was not measured
    """
    return float(sections["usual"]["jobs_layer"]["ints"]["pool"]) / POOL_SECONDS


def compute(sections: Sections) -> list[dict[str, Any]]:
    """
    Return all targets for which there are measurements, as plain JSON.

    :param sections: see `benchmarks.report.Results`
    """
    found = []
    for target in _TARGETS:
        try:
            found.append(asdict(target(sections)))
        except KeyError:  # not measured
            continue
    return found


def _median(sections: Sections, section: str, key: str, name: str = "task_seconds") -> float:
    return float(sections[section]["rows"][key]["median"][name])


def _expand(sections: Sections) -> Target:
    ours = _median(sections, "usual", "map_100000") / 100_000
    ratio = _median(sections, "usual", "expand_100") / 100 / ours
    return Target("an item of `.expand` (100) / one of ours (100,000)", "at least 1,000 x", ratio, "x", ratio >= 1000)


def _executed(sections: Sections) -> Target:
    ratio = _median(sections, "usual", "executed_100") / _median(sections, "usual", "expand_100")
    return Target("100 tasks: LithopsExecutor / LocalExecutor", "at most 1.5 x", ratio, "x", ratio <= 1.5)


def _more(name: str, ours: str, beside: str, limit: float) -> Callable[[Sections], Target]:
    """Returns the target of what a row takes over another."""

    def target(sections: Sections) -> Target:
        more = _median(sections, "usual", ours) - _median(sections, "usual", beside)
        return Target(name, f"at most {limit:g} s", more, "s", more <= limit, follows_speed=True)

    return target


_MORE = (
    _more("100 items - an empty task", "map_100", "empty_0", 0.5),
    _more("100,000 items - an empty task", "map_100000", "empty_0", 1.2),
    _more("100,000 cached items - an empty task", "map_cached_100000", "empty_0", 2),
    _more("1,000,000 items - a task that returns the same list", "map_1000000", "list_1000000", 5),
    _more("1,000,000 items, `get_result=False` - an empty task", "map_reference_1000000", "empty_0", 4),
)


def _layer(
    name: str,
    wanted: str,
    unit: str,
    limit: float,
    value: Callable[[dict[str, Any]], float],
    follows_speed: bool = False,
) -> Any:
    """Returns the target of what was measured without Airflow's components."""

    def target(sections: Sections) -> Target:
        found = value(sections["usual"])
        return Target(name, wanted, found, unit, found <= limit, follows_speed)

    return target


_LAYERS = (
    _layer(
        "a DAG file of 500 of our operators / one of 500 PythonOperators",
        "at most 1.5 x",
        "x",
        1.5,
        lambda usual: float(usual["parsing"]["lithops"] / usual["parsing"]["python"]),
    ),
    _layer(
        "jobs layer / tuned ProcessPoolExecutor (1,000,000 ints, imports included)",
        "at most 6 x",
        "x",
        6,
        lambda usual: float(usual["jobs_layer"]["ints"]["lithops"] / usual["jobs_layer"]["ints"]["pool"]),
    ),
    _layer(
        "the same (100,000 dicts of 1 KB)",
        "at most 3 x",
        "x",
        3,
        lambda usual: float(usual["jobs_layer"]["dicts"]["lithops"] / usual["jobs_layer"]["dicts"]["pool"]),
    ),
    _layer(
        "CPU time of all processes for an item (1,000,000 ints, imports included)",
        "at most 5 µs",
        "µs",
        5,
        lambda usual: float(usual["jobs_layer"]["ints"]["cpu_per_item"] * 1e6),
        follows_speed=True,
    ),
    _layer(
        "a job of 100 items with 50 ms more for each request of the storage - without",
        "at most 1.2 s",
        "s",
        1.2,
        lambda usual: float(usual["network"]["delayed_seconds"] - usual["network"]["seconds"]),
    ),
    _layer(
        "cleaning a job of 100 calls with 50 ms more for each request",
        "at most 1 s",
        "s",
        1,
        lambda usual: float(usual["network"]["clean_seconds"]),
    ),
)


def _tree(sections: Sections) -> Target:
    peak = _median(sections, "usual", "big_tree_10000", "function_peak_bytes") / 1e6
    name = "10,000 results of 100 KB in a tree, largest process with functions"
    return Target(name, "at most 300 MB", peak, "MB", peak <= 300)


def _words(place: str, ours: str, peer: str, shown: str) -> Callable[[Sections], Target]:
    """
    Returns the target of a peer that counts words.

    :param place: where the text is, for people
    :param ours: our contender, whose name the peer's begins with
    :param peer: how it ends
    :param shown: the peer's name
    """

    def target(sections: Sections) -> Target:
        row = sections["peers"]["rows"][f"{ours}_{peer}_1000"]
        theirs = row["limit"] if row.get("over_limit") else row["median"]["task_seconds"]
        ratio = float(theirs) / _median(sections, "peers", f"{ours}_1000")
        name = f"words of 1 GB {place}: {shown} / ours (start included)"
        return Target(name, "more than 1 x", ratio, "x", ratio > 1)

    return target


def _batch_size_1(sections: Sections) -> Target:
    ratio = _median(sections, "usual", "map_1_1000") / _median(sections, "usual", "lithops_1_1000")
    name = "`batch_size=1` / plain Lithops version 1 (1,000)"
    return Target(name, "at most 1.1 x", ratio, "x", ratio <= 1.1)


def _peer(name: str) -> Callable[[Sections], Target]:
    def target(sections: Sections) -> Target:
        ratio = _median(sections, "peers", f"{name}_10000") / _median(sections, "peers", "map_beside_peers_10000")
        text = f"{name.capitalize()} / ours (10,000, start included)"
        return Target(text, "more than 1 x", ratio, "x", ratio > 1)

    return target


_ray, _dask = _peer("ray"), _peer("dask")


def _imports(sections: Sections) -> Target:
    imports = sections["usual"]["imports"]
    added = imports["added_seconds"] * 1000
    imported = imports["lithops_imported"]
    name = f"import of the operators on top of Airflow's (imports lithops: {'yes' if imported else 'no'})"
    return Target(name, "at most 50 ms, without lithops", added, "ms", added <= 50 and not imported)


def _lag(sections: Sections) -> Target:
    lag = sections["usual"]["triggers"]["lag_p99"] * 1000
    return Target("lag of the event loop with 500 deferred jobs, 99 %", "less than 100 ms", lag, "ms", lag < 100)


def _noticed(sections: Sections) -> Target:
    most = sections["usual"]["triggers"]["noticed_max"]
    return Target(
        "from the end of a deferred job to the trigger's event, at most", "2 intervals", most, "intervals", most <= 2
    )


def _requests(sections: Sections) -> Target:
    found = sections["usual"]["triggers"]
    ratio = found["requests_per_second"] * found["poll_interval"] / found["jobs"]
    return Target("requests of a deferred job in each interval", "at most 1", ratio, "", ratio <= 1)


def _memory(name: str, ours: str, theirs: str, peak: str = "peak_bytes", section: str = "usual") -> Any:
    def target(sections: Sections) -> Target:
        ratio = _median(sections, "usual", ours, peak) / _median(sections, section, theirs, peak)
        return Target(f"peak memory / {name}", "at most 1.5 x", ratio, "x", ratio <= 1.5)

    return target


def _more_memory(sections: Sections) -> Target:
    more = _median(sections, "usual", "map_1000000", "peak_bytes") - _median(sections, "usual", "empty_0", "peak_bytes")
    name = "peak memory of the task over an empty task (1,000,000 ints)"
    return Target(name, "at most 120 MB", more / 1e6, "MB", more <= 120e6)


def _flat_memory(sections: Sections) -> Target:
    ratio = _median(sections, "usual", "map_reference_10000000", "peak_bytes") / _median(
        sections, "usual", "map_reference_1000000", "peak_bytes"
    )
    name = "peak memory, `get_result=False`, 10,000,000 items / 1,000,000"
    return Target(name, "about 1 x", ratio, "x", ratio <= 1.1)


_MEMORY = (
    _more_memory,
    _flat_memory,
    _memory("plain Lithops with batches made by hand (100,000 ints)", "map_100000", "lithops_batches_100000"),
    _memory(
        "plain Lithops with batches made by hand (100,000 dicts)", "map_dicts_100000", "lithops_batches_dicts_100000"
    ),
    _memory(
        "the same, largest process with functions (ints)",
        "map_100000",
        "lithops_batches_100000",
        "function_peak_bytes",
    ),
    _memory(
        "the same, largest process with functions (dicts)",
        "map_dicts_100000",
        "lithops_batches_dicts_100000",
        "function_peak_bytes",
    ),
    _memory("plain Lithops, one call an item (100,000 ints)", "map_100000", "lithops_1_100000", section="long"),
)
_TARGETS: tuple[Callable[[Sections], Target], ...] = (
    _expand,
    _executed,
    *_MORE,
    _batch_size_1,
    _ray,
    _dask,
    _imports,
    *_LAYERS,
    _lag,
    _noticed,
    _requests,
    _tree,
    _words("on this machine", "big_words", "dask", "Dask"),
    _words("on this machine", "big_words", "ray", "Ray Data"),
    _words("on an S3 server", "big_words_s3", "dask", "Dask"),
    _words("on an S3 server", "big_words_s3", "ray", "Ray Data"),
    *_MEMORY,
)
