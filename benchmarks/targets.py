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
    """

    name: str
    wanted: str
    value: float
    unit: str
    holds: bool


def compute(sections: Sections) -> list[dict[str, Any]]:
    """
    Return all targets for which there are measurements, as plain JSON.

    :param sections: see `benchmarks.report.Results`
    """
    found = []
    for target in (
        _expand,
        _executed,
        _empty,
        _batch_size_1,
        _ray,
        _dask,
        _imports,
        _lag,
        _noticed,
        _requests,
        *_MEMORY,
    ):
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


def _empty(sections: Sections) -> Target:
    more = _median(sections, "usual", "map_100000") - _median(sections, "usual", "empty_0")
    return Target("100,000 items - an empty task", "at most 5 s", more, "s", more <= 5)


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


_MEMORY = (
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
