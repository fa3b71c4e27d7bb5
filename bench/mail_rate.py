"""Mails a second of one mail worker process, against a Mandrill that takes 100 ms for each."""

import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from bench import backlog, cpu
from bench.found import Found, Options, Target, table
from bench.sampling import STORES, forget_commands
from bench.servers import Site
from sandbox.ports import LOOPBACK
from trials.trial import ServerFailedError

_WITHIN_S = 120.0


def measure(site: Site, body: Callable[[], bytes], options: Options, tell: Callable[[str], None]) -> Found:
    """Let the mails of some creates wait in the queue, start the worker, and count what Mandrill gets."""
    site.run("web", "relay", "worker-clocks", "slow-mandrill")
    wanted = 2 * options.number
    tell(f"mail-rate: {wanted:,} mails wait")
    before = _counts(site)
    backlog.create(site, body, options.number)
    _wait(lambda: site.query("SELECT count(*) FROM commands WHERE state = 'waiting'")[0][0] == 0)
    site.end("worker-clocks")
    site.need("worker-mail", MANDRILL_URL=f"http://{LOOPBACK}:{site.slow_port}/api/1.0")
    roots = site.pids("worker-mail", *STORES)
    first, last = wanted // 10, wanted
    _wait(lambda: _counts(site)["mails"] - before["mails"] >= first)
    began, used, counted = time.perf_counter(), cpu.seconds(roots), _counts(site)["mails"]
    _wait(lambda: _counts(site)["mails"] - before["mails"] >= last)
    took, after, counts = time.perf_counter() - began, cpu.seconds(roots), _counts(site)
    mails = counts["mails"] - counted
    failed = site.query("SELECT count(*) FROM commands WHERE state NOT IN ('done')")[0][0]
    forget_commands(site)
    figures = {
        "mails": mails,
        "per_second": round(mails / took, 1),
        "connections": counts["connections"] - before["connections"],
        "cpu_us": {name: round((after[name] - used[name]) * 1e6 / mails) for name in roots},
    }
    lines = [
        "One mail worker process against a Mandrill that takes 100 ms",
        "",
        *table(
            ("mails", "per second", "connections", "CPU µs a mail"),
            [
                (
                    figures["mails"],
                    figures["per_second"],
                    figures["connections"],
                    ", ".join(f"{name} {value:,}" for name, value in figures["cpu_us"].items()),
                )
            ],
            words=(3,),
        ),
    ]
    return Found(
        figures,
        lines,
        [Target("mails a second of one worker process", 280, mails / took, at_most=False)],
        [f"{failed} commands were not done."] if failed else [],
    )


def _counts(site: Site) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://{LOOPBACK}:{site.slow_port}/counts", timeout=10) as reply:
        counts: dict[str, Any] = json.load(reply)
    return counts


def _wait(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + _WITHIN_S
    while not is_so():
        if time.monotonic() > give_up_at:
            raise ServerFailedError(f"The mails were not sent within {_WITHIN_S:.0f} s.")
        time.sleep(0.02)
