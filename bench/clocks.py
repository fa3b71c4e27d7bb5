"""Commands a second of the clocks' worker, beside what Celery itself gives for tasks that do nothing.

Both queues are filled before the worker starts, with the same command and the same settings, and take turns.
"""

import statistics
import time
from collections.abc import Callable

import redis
from celery import Celery

from bench import backlog, cpu
from bench.found import Found, Options, Target, table
from bench.sampling import STORES, forget_commands, spread
from bench.servers import Site
from trials.trial import ServerFailedError

_WITHIN_S = 180.0
_QUEUE = "clocks"
_NOOP = "noop"
"""The task of `bench/noop.py`."""


def measure(site: Site, body: Callable[[], bytes], options: Options, tell: Callable[[str], None]) -> Found:
    """So many commands and as many no-ops, in turn."""
    site.run("web", "relay")
    rates: dict[str, list[float]] = {"commands": [], "noops": []}
    cpu_us: list[dict[str, float]] = []
    for number in range(options.rounds):
        tell(f"clocks: round {number + 1} of {options.rounds}, {options.number:,} commands and no-ops")
        rate, used = _commands(site, body, options.number)
        rates["commands"].append(rate)
        cpu_us.append(used)
        rates["noops"].append(_noops(site, options.number))
    ratio = spread([a / b for a, b in zip(rates["commands"], rates["noops"], strict=True)])
    figures = {
        "commands_per_second": spread(rates["commands"]),
        "noops_per_second": spread(rates["noops"]),
        "ratio": ratio,
        "cpu_us": {name: round(statistics.median(each[name] for each in cpu_us)) for name in cpu_us[0]},
    }
    lines = [
        "The clocks' worker (2 processes), beside Celery's own no-op tasks",
        "",
        *table(
            ("commands/s", "no-ops/s", "ratio", "±", "CPU µs a command"),
            [
                (
                    f"{figures['commands_per_second']['median']:,.0f}",
                    f"{figures['noops_per_second']['median']:,.0f}",
                    f"{ratio['median']:.2f}",
                    f"{ratio['spread']:.0%}",
                    ", ".join(f"{name} {value:,}" for name, value in figures["cpu_us"].items()),
                )
            ],
            words=(4,),
        ),
    ]
    targets = [Target("clocks, of Celery's no-op rate", 0.6, ratio["median"], at_most=False)]
    return Found(figures, lines, targets)


def _commands(site: Site, body: Callable[[], bytes], number: int) -> tuple[float, dict[str, float]]:
    ids = backlog.create(site, body, number)
    _wait(lambda: _length(site) >= number)
    site.need("worker-clocks")
    roots = site.pids("worker-clocks", *STORES)
    before = cpu.seconds(roots)
    # The database's own times: when the first tenth was done, and when the last; before that processes warm up.
    done = (
        "SELECT count(*), extract(epoch FROM max(finished_at) - percentile_disc(0.1) WITHIN GROUP"
        " (ORDER BY finished_at))::float FROM commands"
        f" WHERE kind = 'reconcile-times' AND state = 'done' AND appointment_id >= {min(ids)}"
    )
    _wait(lambda: site.query(done)[0][0] >= number)
    # A message may have done several; those that come too late for their own command have a price too.
    _wait(lambda: _length(site) == 0)
    after = cpu.seconds(roots)
    _, took = site.query(done)[0]
    site.end("worker-clocks")
    forget_commands(site)
    return number * 0.9 / took, {name: (after[name] - before[name]) * 1e6 / number for name in roots}


def _noops(site: Site, number: int) -> float:
    with redis.Redis.from_url(site.redis.url()) as client:
        _publish_noops(site, number)
        site.need("noop")
        _wait(lambda: client.llen(_QUEUE) < number * 0.9)
        began, left = time.perf_counter(), client.llen(_QUEUE)
        _wait(lambda: client.llen(_QUEUE) == 0)
        took = time.perf_counter() - began
    site.end("noop")
    return float(left) / took


def _publish_noops(site: Site, number: int) -> None:
    app = Celery("noop", broker=site.redis.url())
    with app.producer_pool.acquire(block=True) as producer:
        for each in range(number):
            app.send_task(_NOOP, args=(each,), queue=_QUEUE, producer=producer)
    app.close()


def _length(site: Site) -> int:
    with redis.Redis.from_url(site.redis.url()) as client:
        return int(client.llen(_QUEUE))


def _wait(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + _WITHIN_S
    while not is_so():
        if time.monotonic() > give_up_at:
            raise ServerFailedError(f"The queue was not done within {_WITHIN_S:.0f} s.")
        time.sleep(0.01)
