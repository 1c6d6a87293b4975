"""``results.json``, and the same as Markdown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import machine, targets
from benchmarks.rows import LABELS

_PEAKS = ("peak_bytes", "function_peak_bytes")


class Results:
    """
    What was measured, by section: ``usual``, ``peers`` and ``long``, each with the machine it ran on.

    :param path: file to keep it in; what it has of other sections stays
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.sections: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            self.sections = json.loads(path.read_text())["sections"]

    def save(self) -> None:
        """Write the file, if there is to be one."""
        if self.path is not None:
            content = {"sections": self.sections, "targets": targets.compute(self.sections)}
            self.path.write_text(json.dumps(content, indent=1) + "\n")

    def markdown(self) -> str:
        """Return the tables."""
        parts = [
            self._times(),
            self._layers(),
            self._deferred(),
            self._chains(),
            self._starts(),
            self._large(),
            self._memory(),
            self._targets(),
        ]
        machines = {name: machine.summary(section["machine"]) for name, section in self.sections.items()}
        if len(set(machines.values())) == 1:
            parts.append(next(iter(machines.values())))
        else:
            parts.append("\n".join(f"- {name}: {text}" for name, text in machines.items()))
        return "\n\n".join(part for part in parts if part)

    def _rows(self, *, failed: bool = False) -> list[dict[str, Any]]:
        rows = [row for section in self.sections.values() for row in section["rows"].values()]
        return [row for row in rows if failed or row["median"]]

    def _times(self) -> str:
        apart = ("_dicts", "chain_", "big_")
        rows = [row for row in self._rows() if not any(part in row["contender"] for part in apart)]
        sizes = sorted({row["items"] for row in rows if row["items"]})
        cells = {(row["contender"], row["items"]): seconds(row["median"]["task_seconds"]) for row in rows}
        lines = [["seconds of the task for ... items", *(f"{size:,}" for size in sizes)]]
        for contender, label in LABELS.items():
            if (contender, 0) in cells:
                label = f"{label}: {cells[contender, 0]}"
            found = [cells.get((contender, size), "") for size in sizes]
            if any(found) or (contender, 0) in cells:
                lines.append([label, *found])
        return table(lines)

    def _layers(self) -> str:
        usual = self.sections.get("usual", {})
        lines = [["without Airflow's components", "ours", "beside"]]
        if parsing := usual.get("parsing"):
            name = f"parsing {parsing['operators']} operators; beside: PythonOperators"
            lines.append([name, seconds(parsing["lithops"]), seconds(parsing["python"])])
        for kind, found in usual.get("jobs_layer", {}).items():
            if kind == "stages":
                continue
            name = f"the jobs layer, {found['items']:,} {kind}; beside: a tuned ProcessPoolExecutor"
            lines.append([name, seconds(found["lithops"]), seconds(found["pool"])])
        if found := usual.get("network"):
            requests = found["requests"]
            counts = ", ".join(f"{count} {method}" for method, count in sorted(requests.items()))
            lines += [
                ["100 items on an S3 server; beside: with 50 ms more for each request", seconds(found["seconds"]),
                 seconds(found["delayed_seconds"])],
                [f"its requests, {found['calls']} calls, with cleaning ({counts})", f"{sum(requests.values())}", ""],
                ["cleaning 100 calls with 50 ms more for each request", seconds(found["clean_seconds"]), ""],
            ]  # fmt: skip
        if found := usual.get("many_calls"):
            lines += [
                [
                    f"sending {found['calls']:,} calls, each an invocation of its own",
                    seconds(found["send_seconds"]),
                    "",
                ],
                [f"pages of a listing, {found['looks']} looks until their results are there", f"{found['pages']}", ""],
                ["from the end of the last call to all results", seconds(found["result_seconds"]), ""],
                ["CPU time of the process that sends, waits and reads", seconds(found["cpu_seconds"]), ""],
            ]
        return table(lines)

    def _deferred(self) -> str:
        found = self.sections.get("usual", {}).get("triggers")
        lines = [["deferred", ""]]
        if found is not None:
            jobs, interval = found["jobs"], found["poll_interval"]
            lines += [
                [f"requests a second of {jobs} jobs in one triggerer, `poll_interval` {interval:g} s",
                 number(found["requests_per_second"])],
                ["lag of its event loop, 99 % and most", " ms, ".join(
                    number(found[name] * 1000) for name in ("lag_p99", "lag_max")) + " ms"],
                ["from a job's end to the trigger's event, median and most", ", ".join(
                    f"{number(found[name])}" for name in ("noticed_median", "noticed_max")) + " intervals"],
            ]  # fmt: skip
        lines += [
            [f"from the last of {row['items']:,} items to the task resumed", seconds(row["median"]["resume_seconds"])]
            for row in self._rows()
            if "resume_seconds" in row["median"]
        ]
        return table(lines)

    def _chains(self) -> str:
        lines = [["from task to task", "items", "seconds", "bytes in the database"]]
        for row in self._rows():
            if row["contender"].startswith("chain_"):
                median = row["median"]
                cells = [f"{row['items']}", seconds(median["task_seconds"]), f"{median['database_bytes']:,.0f}"]
                lines.append([LABELS[row["contender"]], *cells])
        return table(lines)

    def _starts(self) -> str:
        lines = [["tasks of Airflow", "tasks", "from queued to running, median"]]
        for row in self._rows():
            if row["contender"] in ("expand", "executed") and "start_seconds" in row["median"]:
                lines.append([LABELS[row["contender"]], f"{row['items']}", seconds(row["median"]["start_seconds"])])
        return table(lines)

    def _large(self) -> str:
        lines = [["large data", "items", "seconds", "largest process with functions, MB"]]
        for row in self._rows(failed=True):
            if row["contender"].startswith("big_"):
                peak = row["median"].get("function_peak_bytes")
                cells = [f"{row['items']:,}", _taken(row), "" if peak is None else f"{peak / 1e6:.0f}"]
                lines.append([LABELS[row["contender"]], *cells])
        return table(lines)

    def _memory(self) -> str:
        lines = [["peak memory, MB", "items", "task", "largest process with functions"]]
        wanted = (
            "empty",
            "list",
            "map",
            "map_reference",
            "map_generator",
            "map_dicts",
            "lithops_batches",
            "lithops_batches_dicts",
            "lithops_1",
        )
        for row in sorted(self._rows(), key=lambda row: list(LABELS).index(row["contender"])):
            large = row["items"] in (0, 100_000) or row["items"] >= 1_000_000 or row["contender"] == "lithops_1"
            if row["contender"] in wanted and large:
                median = row["median"]
                peaks = [f"{median[name] / 1e6:.0f}" if name in median else "" for name in _PEAKS]
                lines.append([LABELS[row["contender"]], f"{row['items']:,}", *peaks])
        return table(lines)

    def _targets(self) -> str:
        try:
            slowness = targets.slowness(self.sections)
        except KeyError:
            slowness = None
        lines = [["target", "wanted", "measured", "at the limits' speed", "holds"]]
        for target in targets.compute(self.sections):
            measured = f"{number(target['value'])} {target['unit']}"
            scaled = ""
            if target["follows_speed"] and slowness is not None:
                scaled = f"{number(target['value'] / slowness)} {target['unit']}"
            lines.append([target["name"], target["wanted"], measured, scaled, "yes" if target["holds"] else "**no**"])
        if slowness is None or len(lines) < 2:
            return table(lines)
        return (
            f"{table(lines)}\n\nThe limits in seconds were set on a machine on which a tuned ProcessPoolExecutor took "
            f"{targets.POOL_SECONDS:g} s for 1,000,000 ints. In this run it took {number(slowness)} times as long, so "
            "the table also shows what was measured divided by that. On a shared machine this changes within a run."
        )


def _taken(row: dict[str, Any]) -> str:
    """Return the seconds of a row's task, or what kept it from an end."""
    if row["median"]:
        return seconds(row["median"]["task_seconds"])
    return f"over {row['limit']:,.0f} s" if row.get("over_limit") else "failed"


def table(lines: list[list[str]]) -> str:
    """
    Return a Markdown table whose first column is text and the others mostly numbers; nothing without rows.

    :param lines: the cells, the heads first
    """
    if len(lines) < 2:
        return ""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    shown = [
        [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        for line in [lines[0], rule, *lines[1:]]
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in shown)


def seconds(value: float) -> str:
    """
    Return seconds as the table shows them.

    :param value: the seconds
    """
    return f"{number(value)} s"


def number(value: float) -> str:
    """
    Return a number with about three digits that mean something.

    :param value: the number
    """
    size = abs(value)
    return f"{value:,.2f}" if size < 10 else f"{value:,.1f}" if size < 100 else f"{value:,.0f}"
