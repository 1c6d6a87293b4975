"""Entry point of ``make bench`` and ``make bench-peers``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks import (
    imports,
    jobs_layer,
    machine,
    many_calls,
    measure,
    network,
    parsing,
    peers,
    picture,
    rows,
    triggers,
)
from benchmarks.report import Results
from tools.airflow_stack import StackError
from tools.session import say

RESULTS = Path(__file__).parent / "results.json"
IMPORTS = 9
"""How many fresh interpreters import the operators."""


def main() -> int:
    """Measure what the command line asks for, show and keep it; return the exit status."""
    options = parse()
    if options.peers and not peers.is_inside():
        peers.install()
        peers.restart_inside()
    section = "peers" if options.peers else "long" if options.long else "usual"
    repetitions = options.repetitions or (1 if options.quick or options.long else 3)
    results = Results(options.output or (None if options.quick or options.only else RESULTS))
    wanted = {"peers": rows.peers, "long": rows.long, "usual": rows.usual}[section](options.quick, dict(options.size))
    if options.only:
        wanted = [row for row in wanted if {row.key, row.contender, row.family} & set(options.only)]
        if not wanted:
            sys.exit(f"No row is called {' or '.join(options.only)}.")
    begin = time.monotonic()
    found: dict[str, object] = {"machine": machine.describe(), "repetitions": repetitions}
    try:
        if section == "usual" and not options.only:
            say(f"Importing the operators in {IMPORTS} fresh interpreters")
            found["imports"] = imports.measure(IMPORTS)
            say(f"{triggers.JOBS} deferred jobs in one process")
            found["triggers"] = triggers.measure()
        if section == "usual" and not options.only and not options.quick:
            say(f"A DAG file with {parsing.OPERATORS} operators")
            found["parsing"] = parsing.measure(repetitions)
            say("The jobs layer beside a process pool")
            found["jobs_layer"] = jobs_layer.measure(repetitions)
            say(f"A job on an S3 server, with {network.DELAY * 1000:g} ms more for each request, and without")
            found["network"] = network.measure(repetitions)
            say(f"{many_calls.CALLS:,} calls on a stand-in for a FaaS backend")
            found["many_calls"] = many_calls.run_apart()
        found["rows"] = measured = measure.measure(wanted, repetitions)
    except KeyboardInterrupt:
        print("Interrupted: nothing is kept.", file=sys.stderr)
        return 130
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    found["seconds"] = round(time.monotonic() - begin)
    results.sections[section] = found
    results.save()
    if results.path == RESULTS and section == "usual":
        picture.draw(results.sections["usual"]["jobs_layer"]["stages"])
    print(f"\n{results.markdown()}\n")
    say(f"Measured in {found['seconds']} s" + (f", kept in {results.path}" if results.path else ""))
    failed = [key for key, row in measured.items() if row["errors"]]
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def size(text: str) -> tuple[str, int]:
    """
    Return a family and its size.

    :param text: as ``--size`` has it
    """
    family, _, number = text.partition("=")
    if family not in rows.FAMILIES or not number.isdecimal() or int(number) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} isn't {' or '.join(f'{name}=N' for name in rows.FAMILIES)}")
    return family, int(number)


def parse() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--peers", action="store_true", help="measure beside Ray and Dask, in an environment for that")
    which.add_argument("--long", action="store_true", help="measure what plain Lithops takes many minutes for, once")
    parser.add_argument("--quick", action="store_true", help="a few small sizes, once, to see that it works")
    parser.add_argument("--repetitions", type=int, help="how often each row is run; 3, or 1 with --quick or --long")
    parser.add_argument(
        "--only",
        nargs="+",
        help="only these rows: contenders such as map, keys such as map_100, or families: tree, words",
    )
    parser.add_argument(
        "--size",
        action="append",
        default=[],
        type=size,
        help="another size for a family: words=50 for so many MB of text, tree=100000 for so many results of 100 KB",
    )
    parser.add_argument(
        "--output", type=Path, help=f"where to keep the results; {RESULTS.name}, and nowhere with --quick or --only"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
