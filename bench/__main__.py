"""`python -m bench [NAME …]`: start the product, measure, print tables, write JSON and a picture, stop everything.

Exit status: 0 when everything that was sent was answered and done, 1 when not. Missing a target is no error.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from bench import (
    broker,
    clocks,
    create,
    flat,
    floors,
    mail,
    mail_rate,
    memory,
    payload,
    plot,
    profile,
    records,
    report,
    retention,
)
from bench.found import Found, Options
from bench.load import LoadError
from bench.machine import facts, revision
from bench.rows import fill
from bench.servers import Site, running_site
from sandbox.servers import PostgresUnavailableError, RedisUnavailableError
from trials.trial import ROOT, ServerFailedError

RESULTS = ROOT / "bench" / "results"
Bench = Callable[[Site, Callable[[], bytes], Options, Callable[[str], None]], Found]

BENCHES: dict[str, tuple[Bench, str]] = {
    "floors": (floors.measure, "the bare insert and the bare message"),
    "create": (create.measure, "creates beside a bare echo and a textbook application"),
    "mail": (mail.measure, "from a create to its accepted mails"),
    "broker": (broker.measure, "creates while the broker is gone"),
    "mail-rate": (mail_rate.measure, "one mail worker against a Mandrill that takes 100 ms"),
    "clocks": (clocks.measure, "the clocks' worker beside Celery's no-ops"),
    "memory": (memory.measure, "memory after 10,000 tasks, and the start"),
    "retention": (retention.measure, "creates while years of old rows are let go"),
    "flat": (flat.measure, "creates with a million rows there already"),
    "profile": (profile.measure, "where a create's time goes, by py-spy"),
}
STANDARD = tuple(name for name in BENCHES if name not in ("flat", "profile"))
SHORT = ("floors", "create", "mail", "broker")
NUMBERS = {"mail-rate": 600, "clocks": 600, "memory": 10_000, "retention": 50_000}
"""How many appointments a bench takes where it counts them."""
START_ROWS = 10_000
"""Appointments that are there before anything is measured."""
LONGEST_S = 4.0
"""No worker answers while creates are measured, and after five seconds the relay publishes a message once more."""


def main(arguments: list[str] | None = None) -> int:
    """Measure as the command line says; the exit status."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, _stop)
    try:
        result, found = _measure(options)
    except (LoadError, ServerFailedError, PostgresUnavailableError, RedisUnavailableError) as failed:
        print(f"\n{failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 1
    print("\n" + report.text(result, found))
    print(f"\nWritten to {_written(result, options.output)}")
    for error in result["errors"]:
        print(error, file=sys.stderr)
    return 1 if result["errors"] else 0


def _measure(options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Found]]:
    began = datetime.now(UTC)
    found = {}
    with running_site() as site:
        # In an empty database PostgreSQL plans for tables that fit into a page, and keeps those plans.
        fill(site, min(START_ROWS, options.rows))
        body = payload.bodies(records.make(site.postgres.url()))
        machine = facts(site)
        for name in options.names:
            amount = Options(
                options.rounds,
                options.seconds,
                options.number or NUMBERS.get(name, 0),
                options.rows,
            )
            found[name] = BENCHES[name][0](site, body, amount, _tell)
        machine["load_after"] = round(os.getloadavg()[0], 2)
    result = {
        "at": began.isoformat(timespec="seconds"),
        "took_s": round((datetime.now(UTC) - began).total_seconds(), 1),
        "revision": revision(),
        "machine": machine,
        "options": {
            "rounds": options.rounds,
            "seconds": options.seconds,
            "number": options.number,
            "rows": options.rows,
            "body_bytes": len(body()),
        },
        "benches": {name: each.figures for name, each in found.items()},
        "targets": [target.to_json() for each in found.values() for target in each.targets],
        "errors": [error for each in found.values() for error in each.errors],
    }
    return result, found


def _options(arguments: list[str] | None) -> argparse.Namespace:
    listed = "\n".join(f"  {name:10} {meaning}" for name, (_, meaning) in BENCHES.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure the product on this machine.",
        epilog=f"benches:\n{listed}\n\nWithout names: all but flat and profile; with --short {', '.join(SHORT)}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default: 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement (default: 2)")
    parser.add_argument("--number", type=int, default=0, help="appointments of benches that count them")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of `flat` (default: 1,000,000)")
    parser.add_argument("--short", action="store_true", help="one short round: a look, not a result")
    parser.add_argument("--output", type=Path, default=RESULTS, help="directory for JSON and SVG")
    options = parser.parse_args(arguments)
    options.names = options.names or list(SHORT if options.short else STANDARD)
    if options.short:
        options.rounds, options.seconds, options.number, options.rows = 1, 0.3, 40, 2_000
    if unknown := [name for name in options.names if name not in BENCHES]:
        parser.error(f"There is no bench {unknown[0]}; there are {', '.join(BENCHES)}.")
    if options.rounds < 1:
        parser.error("--rounds is at least 1.")
    if not 0.1 <= options.seconds <= LONGEST_S:
        parser.error(f"--seconds is from 0.1 to {LONGEST_S:g}; take more rounds for more certainty.")
    if not 0 <= options.number <= 100_000 or not 100 <= options.rows <= 20_000_000:
        parser.error("--number is at most 100000, --rows from 100 to 20 million.")
    return options


def _written(result: dict[str, Any], directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    if "create" in result["benches"]:
        title = f"CPU of one request, {result['revision'] or 'unknown revision'}, {result['at'][:10]}"
        path.with_suffix(".svg").write_text(plot.picture(result["benches"]["create"], title))
    return path


def _tell(what: str) -> None:
    print(f"  {what} ...", file=sys.stderr, flush=True)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
