"""What can be said about the times at once, before they are reconciled (clocks.md section 1).

Only what needs no look-up: a wall time that does not exist or exists twice, a stop before the start, durations
that contradict, and when the photographer is taken. Whatever else disagrees is found by the command
`reconcile-times` and told to developers.
"""

from dataclasses import dataclass
from typing import Final

from api.faults import ParamWarning
from models.clock import NO_ZONE, Discrepancy, Place, Supplied, explain_discrepancy, reconcile, zone_of
from models.clock.busy import Foreseen, foreseen_span

_AT_ONCE: Final = frozenset(
    {"nonexistent_time", "assumed_fold", "stop_before_start", "duration_conflict", "duration_mismatch"}
)


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What one reconciliation without an atlas shows: the warnings, and when the photographer is taken."""

    warnings: list[ParamWarning]
    busy: Foreseen


def first_look(
    supplied: Supplied, property_zone: str | None, office_zone: str, *, has_property: bool = True
) -> FirstLook:
    """Reconcile with what is at hand: the request itself and the property's IANA zone.

    `has_property` is false for an appointment of no order, whose zone nobody will ever look up.
    """
    finding = NO_ZONE if property_zone is None else zone_of(Place(iana=property_zone))
    outcome = reconcile(supplied, finding, office_zone)
    kinds = _AT_ONCE
    if finding.zone is None and "local" in (outcome.start_basis, outcome.stop_basis):
        # Between two local walls the clocks may change, and which do is known when the zone is looked up.
        kinds -= {"stop_before_start", "duration_mismatch"}
    warnings = [
        ParamWarning(_param(notice), explain_discrepancy(notice))
        for notice in outcome.notices
        if notice.kind in kinds
    ]
    return FirstLook(warnings, foreseen_span(supplied, finding, outcome, is_final=not has_property))


def _param(notice: Discrepancy) -> str | None:
    if notice.endpoint is not None and notice.frame is not None:
        return f"time_{notice.endpoint}_{notice.frame}"
    return "time_duration_s" if notice.kind.startswith("duration") else None
