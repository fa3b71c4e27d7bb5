"""One measurement of a server under load, what it cost in CPU, and what rounds of them amount to."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from bench import cpu
from bench.load import Load, drive
from bench.servers import Site
from sandbox.processes import wait_until
from trials.trial import ServerFailedError

CREATE = "/api/v1/appointments/create"
WARM_UP_S = 0.3
STORES = ("postgres", "redis")
_QUIET_WITHIN_S = 60.0


@dataclass(frozen=True)
class Sample:
    """`cpu_us` is µs a request by process; empty where the system does not tell."""

    load: Load
    cpu_us: dict[str, float]

    def cpu(self, *names: str) -> float:
        """µs a request of these processes together."""
        return sum(self.cpu_us.get(name, 0.0) for name in names)


def sample(
    site: Site,
    port: int,
    path: str,
    body: Callable[[], bytes],
    *,
    concurrency: int,
    seconds: float,
    parts: Sequence[str],
    settle: Callable[[Site], None] = lambda _: None,
    tidy: Callable[[Site], None] = lambda _: None,
) -> Sample:
    """Drive a port and count the CPU of `parts` until `settle` returns, over all requests, warm-up included.

    What `tidy` does afterwards is not counted.
    """
    roots = site.pids(*parts)
    before = cpu.seconds(roots)
    load = drive(port, path, body, concurrency=concurrency, warm_up_s=WARM_UP_S, seconds=seconds)
    settle(site)
    after = cpu.seconds(roots)
    tidy(site)
    known = cpu.is_known() and load.all_answered
    return Sample(
        load,
        {name: (after[name] - before[name]) * 1e6 / load.all_answered for name in parts} if known else {},
    )


def published(site: Site) -> None:
    """Wait until the relay has published every create."""
    _none(site, "state = 'pending' AND published_at IS NULL", "relay")


def published_and_forgotten(site: Site) -> None:
    """The same; then forget them, because nobody does them."""
    published(site)
    forget_commands(site)


def finished(site: Site) -> None:
    """Wait until the workers have done everything."""
    _none(site, "finished_at IS NULL", "worker-mail")


def forget_commands(site: Site) -> None:
    """So that what was created is not published again in a later round."""
    site.query("UPDATE commands SET state = 'done', finished_at = now() WHERE finished_at IS NULL")
    with redis.Redis.from_url(site.redis.url()) as client:
        client.delete("clocks", "mail")  # the queues only: kombu keeps its bindings beside them


def _none(site: Site, which: str, name: str) -> None:
    waiting = f"SELECT EXISTS (SELECT FROM commands WHERE {which})"
    if not wait_until(lambda: not site.query(waiting)[0][0], within_s=_QUIET_WITHIN_S, pause_s=0.1):
        raise ServerFailedError(
            f"{name} was not ready after {_QUIET_WITHIN_S:.0f} s; its last words: {site.log(name)[-500:]}"
        )


def errors(name: str, samples: Sequence[Sample]) -> list[str]:
    """A sentence for each kind of answer that was not 200."""
    return [f"{name}: {count} × {what}" for each in samples for what, count in each.load.errors.items()]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, lowest, highest, and half of their distance as a share of the median."""
    if not values:
        return {"median": 0.0, "low": 0.0, "high": 0.0, "spread": 0.0}
    middle, low, high = statistics.median(values), min(values), max(values)
    share = (high - low) / 2 / middle if middle else 0.0
    return {
        name: round(value, 3)
        for name, value in {"median": middle, "low": low, "high": high, "spread": share}.items()
    }


def side(samples: Sequence[Sample]) -> dict[str, Any]:
    """The medians of one side's rounds."""

    def median(figure: Callable[[Sample], float]) -> float:
        return statistics.median(map(figure, samples))

    return {
        "per_second": spread([each.load.per_second for each in samples]),
        "requests": sum(each.load.answered for each in samples),
        "p50_ms": round(median(lambda each: each.load.latency_ms(0.5)), 2),
        "p99_ms": round(median(lambda each: each.load.latency_ms(0.99)), 2),
        "cpu_us": {
            name: round(median(lambda each, name=name: each.cpu_us[name])) for name in samples[0].cpu_us
        },
        "client_share": round(median(lambda each: each.load.client_share), 2),
    }
