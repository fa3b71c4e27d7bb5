"""From when until when somebody who does an appointment is taken by it: the span that conflicts are found by.

From its start to its stop; whole days run from midnight to midnight on the property's clock, or the office's where
the property's zone is not known. A span is half-open: who is taken until ten is free at ten.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from models.clock.reconcile import reconcile
from models.clock.result import Reconciliation
from models.clock.supplied import Supplied
from models.clock.tz import zone_clock
from models.clock.zones import Zone, ZoneFinding


@dataclass(frozen=True, slots=True)
class Span:
    """Two aware instants, `begin` <= `end`. An empty one is a start without a stop: a moment that is taken."""

    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What is known of a span without an atlas. `awaits_zone`: which zone it is in decides, and is not known yet."""

    span: Span | None
    awaits_zone: bool = False


def busy_span(outcome: Reconciliation) -> Span | None:
    """The span of a reconciled appointment; None while it has no start.

    A stop that is not after its start says nothing about how long it takes: then the start alone counts, and of
    whole days the first one.
    """
    if outcome.start == "allday":
        return _whole_days(outcome)
    start, stop = outcome.start_instant, outcome.stop_instant
    if start is None:
        return None
    return Span(start, start if stop is None else max(start, stop))


def foreseen_span(
    supplied: Supplied, finding: ZoneFinding, outcome: Reconciliation, *, is_final: bool
) -> Foreseen:
    """The span, as far as a zone that is looked up later cannot change it.

    `outcome` is what `reconcile` made of `supplied` with `finding`. `is_final` says that no look-up will find
    another zone; without one, only what rests on UTC or on the office's clock is sure.
    """
    if is_final or finding.zone is not None:
        return Foreseen(busy_span(outcome))
    if outcome.start == "allday" or "local" in (outcome.start_basis, outcome.stop_basis):
        return Foreseen(None, awaits_zone=True)
    if outcome.start_instant is None or outcome.stop_instant is None:
        # What has no instant now has one in any zone, or in none.
        anywhere = ZoneFinding(Zone(outcome.office_zone, "property"))
        placed = reconcile(supplied, anywhere, outcome.office_zone)
        for now, then in (
            (outcome.start_instant, placed.start_instant),
            (outcome.stop_instant, placed.stop_instant),
        ):
            if now is None and then is not None:
                return Foreseen(None, awaits_zone=placed.start_instant is not None)
    return Foreseen(busy_span(outcome))


def _whole_days(outcome: Reconciliation) -> Span | None:
    first, last = outcome.values["date_start_local"], outcome.values["date_stop_local"]
    if not isinstance(first, date):
        return None
    last = max(first, last) if isinstance(last, date) else first
    clock = zone_clock(outcome.zone_name or outcome.office_zone)
    begin, end = (
        # A midnight that the clocks jump over is read as the first moment of its day, one that comes twice as the
        # first of the two.
        clock.read(datetime.combine(day, time())).instant
        for day in (first, last + timedelta(days=1))
    )
    return Span(begin, end)
