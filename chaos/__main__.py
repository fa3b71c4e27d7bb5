"""`python -m chaos`: start the product, load it, hurt it, let it drain, audit it, give the verdict.

Exit status: 0 when every promise was kept, 1 when one was broken, 2 when the run itself failed.
"""

import argparse
import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from chaos import evidence, records, report
from chaos.audit import Create, audit
from chaos.faults import FAULTS, Event, Fault, Planned, plan
from chaos.load import PATIENCE_S, Load
from chaos.process import Outage
from chaos.world import World, running_world
from sandbox import processes
from sandbox.servers import PostgresUnavailableError, RedisUnavailableError
from trials.trial import ROOT, ServerFailedError

LONGEST_MINUTES = 60.0
HEAL_WITHIN_S = 60.0
TICK_S = 0.1
RESULTS = ROOT / "var" / "chaos"


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; the exit status."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, _stop)
    _tell(f"seed {options.seed}")
    try:
        with running_world(options.keep_logs) as world:
            run = _run(world, options)
    except (
        ServerFailedError,
        evidence.EvidenceError,
        PostgresUnavailableError,
        RedisUnavailableError,
    ) as failed:
        print(f"\n{failed}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 2
    told = report.figures(run)
    print(report.table(told))
    print(f"\nWritten to {_written(told, options.output)}")
    return 1 if run.findings.faults else 0


def _run(world: World, options: argparse.Namespace) -> report.Run:
    made = records.make(world.postgres.url())
    seconds = options.minutes * 60
    load = Load(
        url=world.url,
        token=made.token,
        orders=tuple((order.id, order.photographer_id) for order in made.orders),
        rate=options.rate,
        seconds=seconds,
        seed=options.seed,
    )
    creates_file = world.directory / "creates.jsonl"
    with creates_file.open("wb") as output:
        client = subprocess.Popen(
            [sys.executable, "-m", "chaos.load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=output,
            preexec_fn=processes.dies_with_parent(signal.SIGKILL),  # noqa: PLW1509 - one thread only
        )
    try:
        assert client.stdin is not None
        client.stdin.write(json.dumps(asdict(load)).encode())
        client.stdin.close()
        events = _hurt(world, plan(options.seed, seconds, options.faults), seconds)
        ended = time.monotonic()
        _tell("no more faults")
        if not world.heal(within_s=HEAL_WITHIN_S):
            raise ServerFailedError("Not everything came up again after the last fault.")
        while client.poll() is None and time.monotonic() < ended + PATIENCE_S + 30:
            world.tend()
            time.sleep(TICK_S)
        drained = _drained(world, options.drain)
        drained_after_s = time.monotonic() - ended if drained else None
    finally:
        client.kill()
        client.wait()
    creates = [_disturbed(Create(**json.loads(line)), world.outages) for line in creates_file.open()]
    rows, commands, notices, doubts = evidence.stored(world)
    accepted = evidence.accepted(world, made.addresses)
    return report.Run(
        seed=options.seed,
        seconds=seconds,
        rate=options.rate,
        creates=creates,
        rows=rows,
        commands=commands,
        accepted=accepted,
        events=events,
        findings=audit(creates, rows, commands, notices, accepted),
        drained_after_s=drained_after_s,
        doubts=doubts,
        deaths={
            process.name: process.deaths_of_its_own
            for process in world.processes.values()
            if process.deaths_of_its_own
        },
    )


def _hurt(world: World, planned: list[Planned], seconds: float) -> list[Event]:
    """Let the planned faults happen, and start again what they kill, until the load is over."""
    began = time.monotonic()
    events = []
    while (now := time.monotonic() - began) < seconds:
        while planned and planned[0].at_s <= now:
            due = planned.pop(0)
            event = Event(now, due.fault.name, due.fault.act(world, due.rng))
            events.append(event)
            _tell(f"{event.at_s:6.1f} s  {event.what}")
        world.tend()
        time.sleep(TICK_S)
    return events


def _drained(world: World, within_s: float) -> bool:
    """Wait until no command has anything to do; false when that takes too long."""
    deadline = time.monotonic() + within_s
    told = -1
    while (left := evidence.unfinished(world)) and time.monotonic() < deadline:
        if left != told:
            _tell(f"{left} commands left")
            told = left
        for _ in range(10):
            world.tend()
            time.sleep(TICK_S)
    return left == 0


def _disturbed(create: Create, outages: Sequence[Outage]) -> Create:
    """The create, with what was away while it was under way."""
    until = create.began_at + create.whole_s
    names = {
        outage.name
        for outage in outages
        if outage.since <= until and (outage.until is None or outage.until >= create.began_at)
    }
    return replace(create, disturbed=tuple(sorted(names)))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m chaos", description="Hurt the product under load and count what is lost."
    )
    parser.add_argument("--minutes", type=float, default=2.0, help="of load and faults (default: 2)")
    parser.add_argument("--seed", type=int, help="of the faults and the creates (default: a new one)")
    parser.add_argument("--rate", type=float, default=12.0, help="creates a second (default: 12)")
    parser.add_argument("--drain", type=float, default=180.0, help="seconds to drain (default: 180)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="directory for the JSON file")
    parser.add_argument(
        "--faults", type=_named, default=FAULTS, metavar="NAME,NAME", help="only these (default: all)"
    )
    parser.add_argument("--keep-logs", type=Path, help="directory for the logs of all processes")
    options = parser.parse_args(arguments)
    if not 0 < options.minutes <= LONGEST_MINUTES:
        parser.error(f"--minutes is above 0 and at most {LONGEST_MINUTES:g}.")
    if not 0 < options.rate <= 100:
        parser.error("--rate is above 0 and at most 100.")
    if options.seed is None:
        options.seed = secrets.randbelow(1_000_000)
    return options


def _named(names: str) -> tuple[Fault, ...]:
    """The faults of these names; argparse tells the person when one is not known."""
    known = {fault.name: fault for fault in FAULTS}
    unknown = [name for name in names.split(",") if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"There is no fault {', '.join(unknown)}. The faults are: {', '.join(known)}."
        )
    return tuple(known[name] for name in names.split(","))


def _written(told: dict[str, Any], directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-seed{told['seed']}.json"
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    return path


def _tell(what: str) -> None:
    print(f"  {what}", file=sys.stderr, flush=True)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
