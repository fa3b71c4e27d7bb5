"""`python -m bench`: start the product, measure, print a table, write JSON, stop everything.

Exit status: 0 when everything that was sent was answered and mailed, 1 when not, however fast it was.
"""

import argparse
import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from bench import create, mail, payload, records, report
from bench.load import LoadError
from bench.machine import facts, revision
from bench.servers import ROOT, ServerFailedError, running_site
from sandbox.servers import PostgresUnavailableError, RedisUnavailableError

RESULTS = ROOT / "bench" / "results"


def main(arguments: list[str] | None = None) -> int:
    """Measure as the command line says; the exit status."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, _stop)
    try:
        result, errors = _measure(options)
    except (LoadError, ServerFailedError, PostgresUnavailableError, RedisUnavailableError) as failed:
        print(f"\n{failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 1
    print("\n" + report.text(result))
    print(f"\nWritten to {_written(result, options.output)}")
    for error in errors:
        print(error, file=sys.stderr)
    return 1 if errors else 0


def _measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    began = datetime.now(UTC)
    with running_site() as site:
        made = records.make(site.postgres.url())
        body = payload.bodies(made)
        machine = facts(site)
        _tell("web, relay and the yardstick start")
        site.start_front()
        comparisons = create.measure(site, body, rounds=options.rounds, seconds=options.seconds, tell=_tell)
        _tell("workers start")
        site.start_back()
        _tell("from create to mail")
        times = mail.measure(site, body, seconds=options.mail_seconds)
    errors = [*create.errors(comparisons), *times.errors]
    result = {
        "at": began.isoformat(timespec="seconds"),
        "took_s": round((datetime.now(UTC) - began).total_seconds(), 1),
        "revision": revision(),
        "machine": machine,
        "options": {
            "rounds": options.rounds,
            "seconds": options.seconds,
            "mail_seconds": options.mail_seconds,
            "mail_rate": mail.PER_SECOND,
            "body_bytes": len(body()),
            "body_fields": len(payload.fields(made, 0)),
        },
        "create": report.create_figures(comparisons),
        "mail": report.mail_figures(times),
        "errors": errors,
    }
    return result, errors


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure the product on this machine."
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds at each concurrency (default: 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement (default: 2)")
    parser.add_argument(
        "--mail-seconds", type=float, default=10.0, help="of creates with mails (default: 10)"
    )
    parser.add_argument("--quick", action="store_true", help="one short round: a look, not a result")
    parser.add_argument("--output", type=Path, default=RESULTS, help="directory for the JSON file")
    options = parser.parse_args(arguments)
    if options.quick:
        options.rounds, options.seconds, options.mail_seconds = 1, 0.7, 2.0
    if options.rounds < 1:
        parser.error("--rounds is at least 1.")
    if not 0.1 <= options.seconds <= create.LONGEST_S:
        parser.error(f"--seconds is from 0.1 to {create.LONGEST_S:g}; take more rounds for more certainty.")
    if not 0.5 <= options.mail_seconds <= mail.LONGEST_S:
        parser.error(f"--mail-seconds is from 0.5 to {mail.LONGEST_S:g}.")
    return options


def _written(result: dict[str, Any], directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    return path


def _tell(what: str) -> None:
    print(f"  {what} ...", file=sys.stderr, flush=True)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
