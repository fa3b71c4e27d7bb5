"""Creates while years of old mails, events and history are let go: the run must not be felt.

A backlog that no installation should ever have, because beat takes a little every hour: all of it is due at once.
"""

import subprocess
import sys
from collections.abc import Callable

from bench.found import Found, Options, Target, table
from bench.sampling import CREATE, Sample, errors, published_and_forgotten, sample, side, spread
from bench.servers import ROOT, Site
from sandbox.processes import wait_until
from trials.trial import ServerFailedError

CONCURRENCY = 8
_BEGINS_WITHIN_S = 30.0
_OLD = "now() - interval '4000 days'"
_BACKLOG = (
    "INSERT INTO mail_events (provider_id, event, at, received_at)"
    f" SELECT 'old' || n, 'send', {_OLD}, {_OLD} FROM generate_series(1, {{number}}) AS n",
    "INSERT INTO audit_entries (actor, via, scope, action, subject, subject_id, at)"
    f" SELECT 'bench', 'bench', 'bench', 'resolve', 'notification', n, {_OLD} FROM generate_series(1, {{number}}) AS n",
)


def measure(site: Site, body: Callable[[], bytes], options: Options, tell: Callable[[str], None]) -> Found:
    """With and without a run beside, in turn; each run finds a backlog that outlasts the measurement.

    Raises `ServerFailedError` when no old row goes.
    """
    site.run("web", "relay")
    rounds: dict[str, list[Sample]] = {"without": [], "with": []}
    went = 0
    _sample(site, body, options)
    for number in range(options.rounds):
        tell(f"retention: round {number + 1} of {options.rounds}")
        rounds["without"].append(_sample(site, body, options))
        for statement in _BACKLOG:
            site.query(statement.format(number=options.number))
        before = _old(site)
        with subprocess.Popen(
            [sys.executable, "-m", "flask", "retention", "run"],
            cwd=ROOT,
            env=site.environment,
            stdout=subprocess.DEVNULL,
        ) as run:
            if not wait_until(lambda least=before: _old(site) < least, within_s=_BEGINS_WITHIN_S, pause_s=0.05):
                raise ServerFailedError(f"No old row went within {_BEGINS_WITHIN_S:.0f} s.")
            rounds["with"].append(_sample(site, body, options))
            run.terminate()
        went += before - _old(site)
    pairs = list(zip(rounds["with"], rounds["without"], strict=True))
    rate = spread([a.load.per_second / b.load.per_second for a, b in pairs if b.load.per_second])
    figures = {name: side(samples) for name, samples in rounds.items()} | {"ratio": rate, "rows": went}
    lines = [
        f"Creates while {went:,} old rows go, at concurrency {CONCURRENCY}",
        "",
        *table(
            ("a run beside", "per second", "p50 ms", "p99 ms"),
            [
                (
                    name,
                    f"{figures[name]['per_second']['median']:,.0f}",
                    figures[name]["p50_ms"],
                    figures[name]["p99_ms"],
                )
                for name in rounds
            ],
        ),
    ]
    targets = [Target("creates while old rows go, of the normal rate", 0.8, rate["median"], at_most=False)]
    return Found(figures, lines, targets, [line for name in rounds for line in errors(name, rounds[name])])


def _old(site: Site) -> int:
    query = "SELECT (SELECT count(*) FROM mail_events) + (SELECT count(*) FROM audit_entries)"
    return int(site.query(query)[0][0])


def _sample(site: Site, body: Callable[[], bytes], options: Options) -> Sample:
    found = sample(
        site, site.port, CREATE, body, concurrency=CONCURRENCY, seconds=options.seconds, parts=("web",)
    )
    published_and_forgotten(site)
    return found
