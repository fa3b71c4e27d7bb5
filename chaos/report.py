"""The table, the verdict and the JSON of a run."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.audit import CONFIRMATION, Accepted, Command, Create, Findings, Row
from chaos.faults import Event

SHOWN = 5
"""Sentences of one kind that the text shows; the JSON has them all."""


@dataclass(frozen=True)
class Run:
    """Everything that a report is made of. Times are seconds."""

    seed: int
    seconds: float
    rate: float
    creates: Sequence[Create]
    rows: Sequence[Row]
    commands: Sequence[Command]
    accepted: Sequence[Accepted]
    events: Sequence[Event]
    findings: Findings
    drained_after_s: float | None
    doubts: int
    deaths: dict[str, int] = field(default_factory=dict)
    """Processes that ended although nobody killed them, and how often."""


def quantile(values: Iterable[float], share: float) -> float | None:
    """The nearest-rank quantile; None when there are no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


def figures(run: Run) -> dict[str, Any]:
    """The report as JSON values; times in seconds."""
    answered = [create for create in run.creates if create.answered]
    at_peace = [create.answer_s for create in answered if not create.disturbed]
    # Of these only the broker was away: nothing else may excuse a slow answer.
    broker_away = [create.answer_s for create in answered if create.disturbed == ("redis",)]
    inserted = {row.id: row.inserted_at for row in run.rows}
    to_mail = [
        mail.at - inserted[mail.appointment_id]
        for mail in run.accepted
        if mail.kind == CONFIRMATION and mail.appointment_id in inserted
    ]
    return {
        "seed": run.seed,
        "seconds": run.seconds,
        "rate": run.rate,
        "verdict": "kept" if not run.findings.faults else "broken",
        "faults": dict(Counter(event.fault for event in run.events)),
        "events": [
            {"at_s": round(event.at_s, 2), "fault": event.fault, "what": event.what} for event in run.events
        ],
        "creates": len(run.creates),
        "answered": len(answered),
        "repeated": sum(create.attempts > 1 for create in run.creates),
        "broker_away": sum("redis" in create.disturbed for create in run.creates),
        "rows": len(run.rows),
        "commands": dict(Counter(command.state for command in run.commands)),
        "mails": len(run.accepted),
        "doubts": run.doubts,
        "deaths": run.deaths,
        "drained_after_s": run.drained_after_s,
        "create_s": {
            "p50": quantile((create.answer_s for create in answered), 0.5),
            "p99": quantile((create.answer_s for create in answered), 0.99),
            "p50_at_peace": quantile(at_peace, 0.5),
            "p99_at_peace": quantile(at_peace, 0.99),
            "max_while_only_the_broker_was_away": max(broker_away, default=None),
            "count_while_only_the_broker_was_away": len(broker_away),
            "max_with_repetitions": max((create.whole_s for create in answered), default=None),
        },
        "create_to_mail_s": {
            "p50": quantile(to_mail, 0.5),
            "p99": quantile(to_mail, 0.99),
            "max": max(to_mail, default=None),
        },
        "create_to_mail_by_10_s": _by_ten_seconds(run, inserted),
        "findings": {name: list(getattr(run.findings, name)) for name in run.findings.__dataclass_fields__},
    }


def table(told: dict[str, Any]) -> str:
    """What a person reads, from `figures`."""
    create, mail, commands = told["create_s"], told["create_to_mail_s"], told["commands"]
    lines = [
        f"seed {told['seed']}, {told['seconds']:g} s at {told['rate']:g} creates a second, "
        f"{sum(told['faults'].values())} faults",
        "",
        *(f"  {count:3d} × {name}" for name, count in sorted(told["faults"].items())),
        "",
        f"  creates                        {told['creates']}, answered {told['answered']}, "
        f"repeated {told['repeated']}, with the broker away {told['broker_away']}",
        f"  rows, mails accepted           {told['rows']}, {told['mails']}",
        "  commands                       "
        + ", ".join(f"{count} {state}" for state, count in sorted(commands.items())),
        f"  sends that ended in doubt      {told['doubts']}",
        "  processes that ended unasked   "
        + (", ".join(f"{name} {count}" for name, count in told["deaths"].items()) or "none"),
        f"  drained after the last create  {_s(told['drained_after_s'])}",
        f"  create                         p50 {_s(create['p50'])}, p99 {_s(create['p99'])}; "
        f"undisturbed p50 {_s(create['p50_at_peace'])}, p99 {_s(create['p99_at_peace'])}",
        f"  create, only the broker away   max {_s(create['max_while_only_the_broker_was_away'])} "
        f"of {create['count_while_only_the_broker_was_away']}",
        f"  create with its repetitions    max {_s(create['max_with_repetitions'])}",
        f"  row to accepted mail           p50 {_s(mail['p50'])}, p99 {_s(mail['p99'])}, max {_s(mail['max'])}",
        "",
    ]
    for name, found in told["findings"].items():
        lines.append(f"  {name.replace('_', ' '):30} {len(found)}")
        lines += [f"      {sentence}" for sentence in found[:SHOWN]]
        lines += [f"      … and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    kept = told["verdict"] == "kept"
    lines += ["", "  Every promise was kept." if kept else "  PROMISES WERE BROKEN."]
    return "\n".join(lines)


def _by_ten_seconds(run: Run, inserted: dict[int, float]) -> list[dict[str, Any]]:
    """How long the mails of the rows of each ten seconds took: what a fault did, and for how long."""
    spans: dict[int, list[float]] = defaultdict(list)
    began = min(inserted.values(), default=0.0)
    for mail in run.accepted:
        if mail.appointment_id in inserted:
            row_at = inserted[mail.appointment_id]
            spans[int(row_at - began) // 10 * 10].append(mail.at - row_at)
    return [
        {"from_s": from_s, "mails": len(took), "p50": quantile(took, 0.5), "max": max(took)}
        for from_s, took in sorted(spans.items())
    ]


def _s(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
