"""Creates while the broker is gone: they are stored and answered as always, and published later."""

from collections.abc import Callable

from bench.found import Found, Options, Target, table
from bench.sampling import CREATE, Sample, errors, published_and_forgotten, sample, side, spread
from bench.servers import Site

CONCURRENCY = 8


def measure(site: Site, body: Callable[[], bytes], options: Options, tell: Callable[[str], None]) -> Found:
    """With and without Redis, in turn."""
    site.run("web", "relay")
    rounds: dict[str, list[Sample]] = {"with": [], "without": []}
    _sample(site, body, options)
    published_and_forgotten(site)
    for number in range(options.rounds):
        tell(f"broker: round {number + 1} of {options.rounds}")
        rounds["with"].append(_sample(site, body, options))
        published_and_forgotten(site)
        site.stop_broker()
        rounds["without"].append(_sample(site, body, options))
        site.start_broker()
        published_and_forgotten(site)
    ratio = spread(
        [
            b.load.per_second / a.load.per_second
            for a, b in zip(rounds["with"], rounds["without"], strict=True)
            if a.load.per_second
        ]
    )
    figures = {name: side(samples) for name, samples in rounds.items()} | {"ratio": ratio}
    lines = [
        f"Creates with and without a broker, at concurrency {CONCURRENCY}",
        "",
        *table(
            ("with, per second", "without", "ratio", "±"),
            [
                (
                    *(f"{figures[name]['per_second']['median']:,.0f}" for name in rounds),
                    f"{ratio['median']:.2f}",
                    f"{ratio['spread']:.0%}",
                )
            ],
            words=(),
        ),
    ]
    targets = [Target("creates without a broker, of the normal rate", 0.8, ratio["median"], at_most=False)]
    return Found(figures, lines, targets, [line for name in rounds for line in errors(name, rounds[name])])


def _sample(site: Site, body: Callable[[], bytes], options: Options) -> Sample:
    return sample(
        site, site.port, CREATE, body, concurrency=CONCURRENCY, seconds=options.seconds, parts=("web",)
    )
