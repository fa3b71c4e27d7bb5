"""Creates a second, their latency and their CPU, beside a bare echo and a textbook application.

All take turns, A B C A B C …, so that what the machine does besides falls on each. Without workers a create is
over when its row is safe, its answer is out and its message is in the broker; with workers, when its mails are
accepted too. PostgreSQL's share always includes what the relay, and the workers if they run, ask of it.
"""

from collections.abc import Callable
from typing import Any

from bench import echo, textbook
from bench.found import Found, Options, Target, table
from bench.sampling import (
    CREATE,
    STORES,
    Sample,
    errors,
    finished,
    forget_commands,
    published,
    sample,
    side,
    spread,
)
from bench.servers import WORKERS, Site

CONCURRENCIES = (1, 8, 32)
WITH_WORKERS = 8
COUNTED = ("web", *STORES)
"""What the ratio to the echo counts; relay and workers are told beside it."""
BACK = ("relay", *WORKERS)


def measure(site: Site, body: Callable[[], bytes], options: Options, tell: Callable[[str], None]) -> Found:
    """At each concurrency, and at one of them with the workers. Raises `LoadError`, `ServerFailedError`."""
    site.run("web", "relay", "echo", "textbook")
    # Every thread of the servers gets its connection and its prepared statements before the first round.
    _create(site, body, max(CONCURRENCIES), options, ("relay",))
    _textbook(site, body, max(CONCURRENCIES), options)
    found = []
    for concurrency in CONCURRENCIES:
        rounds: dict[str, list[Sample]] = {"create": [], "echo": [], "textbook": []}
        for number in range(options.rounds):
            tell(f"create: concurrency {concurrency}, round {number + 1} of {options.rounds}")
            rounds["create"].append(_create(site, body, concurrency, options, ("relay",)))
            rounds["echo"].append(_echo(site, body, concurrency, options))
            rounds["textbook"].append(_textbook(site, body, concurrency, options))
        found.append((_figures(concurrency, "without", rounds), rounds))
    site.run("web", "relay", "echo", "mandrill", *WORKERS)
    _create(site, body, WITH_WORKERS, options, BACK, finished)
    rounds = {"create": [], "echo": []}
    for number in range(options.rounds):
        tell(f"create: concurrency {WITH_WORKERS} with workers, round {number + 1} of {options.rounds}")
        rounds["create"].append(_create(site, body, WITH_WORKERS, options, BACK, finished))
        rounds["echo"].append(_echo(site, body, WITH_WORKERS, options))
    found.append((_figures(WITH_WORKERS, "with", rounds), rounds))
    said = [line for _, each in found for name, samples in each.items() for line in errors(name, samples)]
    figures = [each for each, _ in found]
    return Found(figures, _lines(figures), _targets(figures), said)


def _create(
    site: Site,
    body: Callable[[], bytes],
    concurrency: int,
    options: Options,
    back: tuple[str, ...],
    settle: Callable[[Site], None] = published,
) -> Sample:
    return sample(
        site,
        site.port,
        CREATE,
        body,
        concurrency=concurrency,
        seconds=options.seconds,
        parts=(*COUNTED, *back),
        settle=settle,
        tidy=forget_commands,
    )


def _echo(site: Site, body: Callable[[], bytes], concurrency: int, options: Options) -> Sample:
    return sample(
        site,
        site.echo_port,
        echo.PATH,
        body,
        concurrency=concurrency,
        seconds=options.seconds,
        parts=("echo",),
    )


def _textbook(site: Site, body: Callable[[], bytes], concurrency: int, options: Options) -> Sample:
    return sample(
        site,
        site.textbook_port,
        textbook.PATH,
        body,
        concurrency=concurrency,
        seconds=options.seconds,
        parts=("textbook", *STORES),
    )


def _figures(concurrency: int, workers: str, rounds: dict[str, list[Sample]]) -> dict[str, Any]:
    creates, echoes = rounds["create"], rounds["echo"]
    pairs = list(zip(creates, echoes, strict=True))
    figures: dict[str, Any] = {"concurrency": concurrency, "workers": workers, "rounds": len(creates)}
    figures |= {name: side(samples) for name, samples in rounds.items()}
    figures["throughput_ratio"] = spread([a.load.per_second / b.load.per_second for a, b in pairs])
    figures["cpu_ratio"] = spread([a.cpu(*COUNTED) / b.cpu("echo") for a, b in pairs if b.cpu("echo")])
    if "textbook" in rounds:
        against = list(zip(creates, rounds["textbook"], strict=True))
        figures["ahead_of_textbook"] = spread(
            [a.load.per_second / b.load.per_second for a, b in against if b.load.per_second]
        )
        figures["textbook_cpu"] = spread(
            [
                b.cpu("textbook", *STORES) / a.cpu(*COUNTED, "relay")
                for a, b in against
                if a.cpu(*COUNTED, "relay")
            ]
        )
    return figures


def _targets(figures: list[dict[str, Any]]) -> list[Target]:
    targets = []
    for each in figures:
        where = f"at concurrency {each['concurrency']}, {each['workers']} workers"
        if each["concurrency"] > 1 and each["create"]["cpu_us"]:
            targets.append(Target(f"create, CPU of echo, {where}", 3.5, each["cpu_ratio"]["median"]))
        if each["concurrency"] == 1:
            ratio = each["throughput_ratio"]["median"]
            targets.append(Target(f"create, requests/s of echo, {where}", 0.33, ratio, at_most=False))
        if each["workers"] == "without" and each["create"]["p50_ms"]:
            tail = each["create"]["p99_ms"] / each["create"]["p50_ms"]
            targets.append(Target(f"create, p99 of p50, {where}", 4, tail))
        if "ahead_of_textbook" in each:
            ahead = each["ahead_of_textbook"]["median"]
            targets.append(Target(f"create, requests/s of textbook, {where}", 4, ahead, at_most=False))
    return targets


def _lines(figures: list[dict[str, Any]]) -> list[str]:
    sides = [
        (
            name if each["workers"] == "without" or name != "create" else "create, workers run",
            each["concurrency"],
            f"{each[name]['per_second']['median']:,.0f}",
            f"{each[name]['per_second']['spread']:.0%}",
            f"{each[name]['p50_ms']:.1f}",
            f"{each[name]['p99_ms']:.1f}",
            f"{each[name]['client_share']:.0%}",
            ", ".join(f"{part} {value:,}" for part, value in each[name]["cpu_us"].items()),
        )
        for each in figures
        for name in ("echo", "textbook", "create")
        if name in each
    ]
    ratios = [
        (
            each["concurrency"],
            each["workers"],
            f"{each['throughput_ratio']['median']:.2f}",
            f"{each['cpu_ratio']['median']:.2f}",
            f"{each['cpu_ratio']['spread']:.0%}",
            f"{each['ahead_of_textbook']['median']:.1f}" if "ahead_of_textbook" in each else "",
            f"{each['textbook_cpu']['median']:.1f}" if "textbook_cpu" in each else "",
        )
        for each in figures
    ]
    return [
        "Creates beside a bare echo and a textbook application, with the same body (medians of the rounds; ± is",
        "half of the distance between the lowest and the highest round; CPU in µs a request)",
        "",
        *table(("", "conc.", "per second", "±", "p50 ms", "p99 ms", "client", "CPU µs"), sides, words=(0, 7)),
        "",
        *table(
            ("conc.", "workers", "req/s of echo", "CPU of echo", "±", "req/s of textbook", "textbook's CPU"),
            ratios,
        ),
        "CPU of echo counts web, PostgreSQL and Redis; the textbook's CPU is compared with these and the relay.",
    ]
