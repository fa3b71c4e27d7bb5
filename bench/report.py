"""What a run tells: an aligned table for people, JSON for programs. Both from the same figures."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from bench.create import Comparison, Sample, median_cpu_us
from bench.load import quantile
from bench.mail import MailTimes


def create_figures(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """One object for each concurrency: medians over the rounds, and how far the rounds lay apart."""
    return [
        {
            "concurrency": each.concurrency,
            "rounds": len(each.creates),
            "create": _side(each.creates),
            "echo": _side(each.echoes),
            "throughput_ratio": _spread(
                [a.load.per_second / b.load.per_second for a, b in _pairs(each) if b.load.per_second]
            ),
            "cpu_ratio": _spread(
                [sum(a.cpu_us.values()) / sum(b.cpu_us.values()) for a, b in _pairs(each) if b.cpu_us]
            ),
        }
        for each in comparisons
    ]


def mail_figures(times: MailTimes) -> dict[str, Any]:
    """Milliseconds of the creates and of the mails that follow from them."""
    return {
        "creates": times.creates,
        "create_p50_ms": round(quantile(times.creates_s, 0.5) * 1000, 1),
        "create_p99_ms": round(quantile(times.creates_s, 0.99) * 1000, 1),
        "mails": times.mails,
        "accepted_p50_ms": round(quantile(times.mails_s, 0.5) * 1000, 1),
        "accepted_p99_ms": round(quantile(times.mails_s, 0.99) * 1000, 1),
    }


def text(result: dict[str, Any]) -> str:
    """The whole result as plain text."""
    machine = result["machine"]
    lines = [
        f"{result['revision'] or 'unknown revision'} on {machine['cores']} cores ({machine['processor']}), "
        f"load before {machine['load_before']}",
        f"Python {machine['python']}, PostgreSQL {machine['postgresql']} (fsync {machine['fsync']}, "
        f"synchronous_commit {machine['synchronous_commit']}), Redis {machine['redis']}",
        "",
        "Creates, without workers, beside a bare Flask echo under the same server and with the same body",
        "(medians of the rounds; ± is half of the distance between the lowest and the highest round)",
        "",
        *_table(
            ("", "concurrency", "per second", "±", "p50 ms", "p99 ms", "CPU µs", "client busy"),
            [
                (
                    side,
                    each["concurrency"],
                    f"{each[side]['per_second']['median']:,.0f}",
                    _percent(each[side]["per_second"]["spread"]),
                    f"{each[side]['p50_ms']:.1f}",
                    f"{each[side]['p99_ms']:.1f}",
                    f"{each[side]['cpu_us_total']:,.0f}" if each[side]["cpu_us"] else "-",
                    f"{each[side]['client_share']:.0%}",
                )
                for each in result["create"]
                for side in ("echo", "create")
            ],
        ),
        "",
        *_table(
            ("create / echo", "concurrency", "throughput", "±", "CPU", "±", "of which"),
            [
                (
                    "",
                    each["concurrency"],
                    f"{each['throughput_ratio']['median']:.2f}",
                    _percent(each["throughput_ratio"]["spread"]),
                    f"{each['cpu_ratio']['median']:.2f}" if each["create"]["cpu_us"] else "-",
                    _percent(each["cpu_ratio"]["spread"]),
                    ", ".join(f"{name} {value:,.0f} µs" for name, value in each["create"]["cpu_us"].items()),
                )
                for each in result["create"]
            ],
        ),
    ]
    mail = result["mail"]
    if mail:
        lines += [
            "",
            f"From create to mail accepted, at {result['options']['mail_rate']} creates a second",
            "",
            *_table(
                ("", "number", "p50 ms", "p99 ms"),
                [
                    ("create, to its answer", mail["creates"], mail["create_p50_ms"], mail["create_p99_ms"]),
                    (
                        "mail, from that answer",
                        mail["mails"],
                        mail["accepted_p50_ms"],
                        mail["accepted_p99_ms"],
                    ),
                ],
            ),
        ]
    return "\n".join(lines)


def _side(samples: Sequence[Sample]) -> dict[str, Any]:
    def median(figure: Callable[[Sample], float]) -> float:
        return statistics.median(map(figure, samples))

    parts = median_cpu_us(samples)
    return {
        "per_second": _spread([sample.load.per_second for sample in samples]),
        "requests": sum(sample.load.answered for sample in samples),
        "p50_ms": round(median(lambda sample: sample.load.latency_ms(0.5)), 2),
        "p99_ms": round(median(lambda sample: sample.load.latency_ms(0.99)), 2),
        "cpu_us": {name: round(value) for name, value in parts.items()},
        "cpu_us_total": round(median(lambda sample: sum(sample.cpu_us.values()))),
        "client_share": round(median(lambda sample: sample.load.client_share), 2),
    }


def _pairs(comparison: Comparison) -> list[tuple[Sample, Sample]]:
    return list(zip(comparison.creates, comparison.echoes, strict=True))


def _spread(values: Sequence[float]) -> dict[str, float]:
    """Median, lowest, highest, and half of their distance as a share of the median."""
    if not values:
        return {"median": 0.0, "low": 0.0, "high": 0.0, "spread": 0.0}
    middle, low, high = statistics.median(values), min(values), max(values)
    spread = (high - low) / 2 / middle if middle else 0.0
    return {
        "median": round(middle, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "spread": round(spread, 3),
    }


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Columns aligned: words to the left, numbers to the right."""
    cells = [list(map(str, row)) for row in (titles, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    words = {0, *(index for index, title in enumerate(titles) if title == "of which")}
    return [
        "  ".join(
            cell.ljust(width) if index in words else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
