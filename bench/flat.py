"""Creates in a database of years beside creates in a small one: the rows that are there must not matter."""

from collections.abc import Callable

from bench import payload, records
from bench.create import COUNTED
from bench.found import Found, Options, Target, table
from bench.rows import fill
from bench.sampling import CREATE, Sample, errors, forget_commands, published, sample, side, spread
from bench.servers import Site, running_site

CONCURRENCY = 8


def measure(site: Site, body: Callable[[], bytes], options: Options, tell: Callable[[str], None]) -> Found:
    """A second site is filled first; then the two take turns."""
    with running_site() as large:
        tell(f"flat: {options.rows:,} appointments are made")
        fill(large, options.rows)
        bodies = {"small": body, "large": payload.bodies(records.make(large.postgres.url()))}
        sites = {"small": site, "large": large}
        rounds: dict[str, list[Sample]] = {name: [] for name in sites}
        for name, each in sites.items():
            each.need("web", "relay")
            _sample(each, bodies[name], options)
        for number in range(options.rounds):
            tell(f"flat: round {number + 1} of {options.rounds}")
            for name, each in sites.items():
                rounds[name].append(_sample(each, bodies[name], options))
    pairs = list(zip(rounds["large"], rounds["small"], strict=True))
    ratio = spread([a.cpu(*COUNTED) / b.cpu(*COUNTED) for a, b in pairs if b.cpu(*COUNTED)])
    figures = {name: side(samples) for name, samples in rounds.items()} | {
        "rows": options.rows,
        "ratio": ratio,
    }
    lines = [
        f"Creates with {options.rows:,} appointments there already, at concurrency {CONCURRENCY}",
        "",
        *table(
            ("", "per second", "p50 ms", "p99 ms", "CPU µs"),
            [
                (
                    name,
                    f"{figures[name]['per_second']['median']:,.0f}",
                    figures[name]["p50_ms"],
                    figures[name]["p99_ms"],
                    ", ".join(f"{part} {value:,}" for part, value in figures[name]["cpu_us"].items()),
                )
                for name in rounds
            ],
            words=(0, 4),
        ),
    ]
    targets = [Target(f"create, CPU with {options.rows:,} rows of without", 1.1, ratio["median"])]
    return Found(figures, lines, targets, [line for name in rounds for line in errors(name, rounds[name])])


def _sample(site: Site, body: Callable[[], bytes], options: Options) -> Sample:
    return sample(
        site,
        site.port,
        CREATE,
        body,
        concurrency=CONCURRENCY,
        seconds=options.seconds,
        parts=(*COUNTED, "relay"),
        settle=published,
        tidy=forget_commands,
    )
