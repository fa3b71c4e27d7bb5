"""Creates a second, their latency and their CPU, beside those of the yardstick.

At each concurrency the two take turns, A B A B …, so that what the machine does besides falls on both. No
worker runs: a create is over when its row is safe, its answer is out and its message is in the broker. The
CPU window therefore ends when the relay has published everything, and covers the warm-up's requests as well.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import redis

from bench import cpu, echo
from bench.load import Load, drive
from bench.servers import ServerFailedError, Site
from sandbox.processes import wait_until

PATH = "/api/v1/appointments/create"
CONCURRENCIES = (1, 8, 32)
LONGEST_S = 4.0
"""No worker answers, and after five seconds the relay publishes a message once more."""
PARTS = ("web", "postgres", "redis", "relay")
WARM_UP_S = 0.3
_QUIET_WITHIN_S = 20.0


@dataclass(frozen=True)
class Sample:
    """One measurement. `cpu_us` is µs a request by part; empty where the system does not tell."""

    load: Load
    cpu_us: dict[str, float]


@dataclass(frozen=True)
class Comparison:
    """All rounds at one concurrency, in the order in which they were measured."""

    concurrency: int
    creates: tuple[Sample, ...]
    echoes: tuple[Sample, ...]


def measure(
    site: Site, body: Callable[[], bytes], *, rounds: int, seconds: float, tell: Callable[[str], None]
) -> list[Comparison]:
    """Measure at each concurrency. Raises `LoadError`, `ServerFailedError`."""
    # Every thread of the web server gets its connection and its prepared statements before the first round.
    _create(site, body, max(CONCURRENCIES), seconds=min(1.0, seconds), warm_up_s=WARM_UP_S)
    found = []
    for concurrency in CONCURRENCIES:
        creates, echoes = [], []
        for number in range(rounds):
            tell(f"concurrency {concurrency}, round {number + 1} of {rounds}")
            creates.append(_create(site, body, concurrency, seconds=seconds, warm_up_s=WARM_UP_S))
            echoes.append(_echo(site, body, concurrency, seconds=seconds, warm_up_s=WARM_UP_S))
        found.append(Comparison(concurrency, tuple(creates), tuple(echoes)))
    return found


def _create(
    site: Site, body: Callable[[], bytes], concurrency: int, *, seconds: float, warm_up_s: float
) -> Sample:
    roots = site.pids(*PARTS)
    before = cpu.seconds(roots)
    load = drive(site.port, PATH, body, concurrency=concurrency, warm_up_s=warm_up_s, seconds=seconds)
    _wait_until_published(site)
    used = _per_request(before, cpu.seconds(roots), load)
    _forget_commands(site)
    return Sample(load, used)


def _echo(
    site: Site, body: Callable[[], bytes], concurrency: int, *, seconds: float, warm_up_s: float
) -> Sample:
    roots = site.pids("echo")
    before = cpu.seconds(roots)
    load = drive(
        site.echo_port, echo.PATH, body, concurrency=concurrency, warm_up_s=warm_up_s, seconds=seconds
    )
    return Sample(load, _per_request(before, cpu.seconds(roots), load))


def _per_request(before: dict[str, float], after: dict[str, float], load: Load) -> dict[str, float]:
    if not cpu.is_known() or not load.all_answered:
        return {}
    return {name: (after[name] - before[name]) * 1e6 / load.all_answered for name in after}


def _wait_until_published(site: Site) -> None:
    waiting = "SELECT EXISTS (SELECT FROM commands WHERE state = 'pending' AND published_at IS NULL)"
    if not wait_until(lambda: not site.query(waiting)[0][0], within_s=_QUIET_WITHIN_S, pause_s=0.1):
        raise ServerFailedError(
            f"The relay had not published everything after {_QUIET_WITHIN_S:.0f} s: {site.log('relay')[-500:]}"
        )


def _forget_commands(site: Site) -> None:
    """Nobody does these commands, so they must not be published again in a later round."""
    site.query("UPDATE commands SET state = 'done', finished_at = now() WHERE finished_at IS NULL")
    with redis.Redis.from_url(site.redis.url()) as client:
        client.delete("clocks", "mail")  # the queues only: kombu keeps its bindings beside them


def errors(comparisons: Sequence[Comparison]) -> list[str]:
    """A sentence for each kind of answer that was not 200."""
    said = []
    for comparison in comparisons:
        for name, samples in (("create", comparison.creates), ("echo", comparison.echoes)):
            for sample in samples:
                said += [
                    f"{name} at concurrency {comparison.concurrency}: {count} × {what}"
                    for what, count in sample.load.errors.items()
                ]
    return said


def median_cpu_us(samples: Sequence[Sample]) -> dict[str, float]:
    """The median over the rounds, for each part."""
    return {name: statistics.median(sample.cpu_us[name] for sample in samples) for name in samples[0].cpu_us}
