"""What a reconciliation says: every column filled as far as the evidence goes, and what contradicted it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Literal

from models.clock.discrepancies import Discrepancy
from models.clock.frames import Endpoint
from models.clock.spellings import spell_date, spell_instant, spell_time

Resolution = Literal["unresolved", "gap", "fold", "inferred", "derived", "exact", "allday"]
"""How an endpoint came to be; the first that applies, in this order. ``allday`` stands alone."""

Basis = Literal["utc", "local", "office", "duration", "date"]
"""What an endpoint rests on: a supplied pair or time in that frame, the other endpoint, an all-day date."""

SourceName = Literal["property", "latlng", "zip", "inferred_offset", "none"]
Value = date | time | datetime | str | int | None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The outcome for one appointment.

    ``values`` holds the twelve date and time columns in their own frames, both durations, ``updated_at`` (an
    instant in UTC) and the requested and window fields (property-local, as supplied). ``start`` and ``stop``
    are the resolutions, ``None`` for an endpoint that is absent. ``offsets`` are seconds east of UTC, only
    when the source is ``inferred_offset``. ``start_instant`` and ``stop_instant`` are aware and in UTC.
    ``assumed_folds`` are notifications without being discrepancies.
    """

    values: dict[str, Value]
    start: Resolution | None
    stop: Resolution | None
    zone_name: str | None
    zone_source: SourceName
    office_zone: str
    tzdata_version: str
    offsets: dict[Endpoint, int] = field(default_factory=dict)
    discrepancies: tuple[Discrepancy, ...] = ()
    assumed_folds: tuple[Discrepancy, ...] = ()
    start_instant: datetime | None = None
    stop_instant: datetime | None = None
    start_basis: Basis | None = None
    stop_basis: Basis | None = None

    @property
    def notices(self) -> tuple[Discrepancy, ...]:
        """Everything that people are told of: the discrepancies, and the assumed folds (low severity)."""
        return self.discrepancies + self.assumed_folds

    def to_json(self) -> dict[str, object]:
        """The form of clocks.md section 10."""
        zone: dict[str, object] = {"name": self.zone_name, "source": self.zone_source}
        if self.zone_source == "inferred_offset":
            zone["offset_s"] = dict(self.offsets)
        return {
            "status": "action-successful",
            "values": self.values_json(),
            "resolution": {"start": self.start, "stop": self.stop},
            "zone": zone,
            "discrepancies": [discrepancy.to_json() for discrepancy in self.discrepancies],
        }

    def values_json(self) -> dict[str, str | int | None]:
        """``values`` in canonical spelling."""
        return {name: _value_json(value) for name, value in self.values.items()}


def _value_json(value: Value) -> str | int | None:
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, datetime):
        return spell_instant(value)
    return spell_date(value) if isinstance(value, date) else spell_time(value)
