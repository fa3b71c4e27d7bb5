"""What can be said about the times at once, before they are reconciled (clocks.md section 1).

Only what needs no look-up: a wall time that does not exist or exists twice, a stop before the start, durations
that contradict. Whatever else disagrees is found by the command `reconcile-times` and told to developers.
"""

from typing import Final

from api.faults import ParamWarning
from models.clock import NO_ZONE, Discrepancy, Place, Supplied, explain_discrepancy, reconcile, zone_of

_AT_ONCE: Final = frozenset(
    {"nonexistent_time", "assumed_fold", "stop_before_start", "duration_conflict", "duration_mismatch"}
)


def clock_warnings(supplied: Supplied, property_zone: str | None, office_zone: str) -> list[ParamWarning]:
    """A warning for each contradiction that shows in the request itself and the property's IANA zone."""
    finding = NO_ZONE if property_zone is None else zone_of(Place(iana=property_zone))
    outcome = reconcile(supplied, finding, office_zone)
    kinds = _AT_ONCE
    if finding.zone is None and "local" in (outcome.start_basis, outcome.stop_basis):
        # Between two local walls the clocks may change, and which do is known when the zone is looked up.
        kinds -= {"stop_before_start", "duration_mismatch"}
    return [
        ParamWarning(_param(notice), explain_discrepancy(notice))
        for notice in outcome.notices
        if notice.kind in kinds
    ]


def _param(notice: Discrepancy) -> str | None:
    if notice.endpoint is not None and notice.frame is not None:
        return f"time_{notice.endpoint}_{notice.frame}"
    return "time_duration_s" if notice.kind.startswith("duration") else None
