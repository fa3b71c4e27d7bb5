"""What a calendar is drawn from: blocks and counts in columns, the ruler beside them, and the clock that it is on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from api.console.appointment_words import Badge
from api.console.words import on_frame
from models.clock.display import in_zone

OFFICE, LOCAL = "office", "local"
OVER: Final = -1
"""The lane of what is counted instead of drawn."""

Quarter = tuple[int, int]
"""Minutes after midnight as the clock shows them, and 1 the second time that it shows them, else 0."""


@dataclass(frozen=True, slots=True)
class Chip:
    """One appointment at one place of the calendar. `row` and `until` are rows of the ruler, `until` excluded.

    `lane` counts from 1; 0 takes the whole width, `OVER` none. `is_narrow`: it shares the width with two or more.
    `times` is when, on the calendar's clock; `elsewhere` what the other clock shows, where it differs.
    """

    id: int
    title: str
    times: str
    elsewhere: str
    place: str
    client: str
    photographer: str
    badges: list[Badge]
    conflicts: tuple[int, ...]
    mail_troubles: int
    status: str
    row: int = 0
    until: int = 0
    lane: int = 0
    is_narrow: bool = False


@dataclass(frozen=True, slots=True)
class More:
    """Appointments for which no lane was left, counted in the rows in which they would stand.

    `begins` is what the clock shows when the first of them begins.
    """

    begins: str
    row: int
    until: int
    chips: tuple[Chip, ...]


@dataclass(frozen=True, slots=True)
class Void:
    """Rows that this day does not have."""

    row: int
    until: int


@dataclass(slots=True)
class Column:
    """A day of somebody: what takes whole days, what has no time yet, and what stands in the hours."""

    key: str
    day: date
    whole: list[Chip] = field(default_factory=list)
    undecided: list[Chip] = field(default_factory=list)
    timed: list[Chip] = field(default_factory=list)
    voids: list[Void] = field(default_factory=list)
    lanes: int = 1
    more: list[More] = field(default_factory=list)

    @property
    def drawn(self) -> list[Chip]:
        """What stands in the hours and is not only counted."""
        return [chip for chip in self.timed if chip.lane != OVER]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is on."""
        return not (self.whole or self.undecided or self.timed)

    @property
    def in_order(self) -> list[Chip]:
        """Everything, as a simple list."""
        return [*self.whole, *self.timed, *self.undecided]


@dataclass(frozen=True, slots=True)
class Hour:
    """A line of the ruler that is drawn and named."""

    row: int
    label: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Ruler:
    """The rows that all columns share. `first` and `last` (excluded) are those that are drawn."""

    quarters: tuple[Quarter, ...]
    hours: tuple[Hour, ...]
    first: int
    last: int

    @property
    def length(self) -> int:
        """How many rows are drawn."""
        return self.last - self.first


@dataclass(frozen=True, slots=True)
class Clocks:
    """On whose clock the calendar is: `frame` is office or local (each property's own)."""

    frame: str
    office_zone: str

    def show(self, row: Mapping[str, Any], endpoint: str) -> datetime | None:
        """Start or stop of an appointment on the calendar's clock; None without one."""
        instant: datetime | None = row[f"{endpoint}s_at"]
        if instant is None:
            return None
        local = on_frame(row, instant, LOCAL, endpoint) if self.frame == LOCAL else None
        return local or in_zone(instant, self.office_zone)

    def show_elsewhere(self, row: Mapping[str, Any]) -> str:
        """The start on the other clock, where it shows something else."""
        instant: datetime | None = row["starts_at"]
        local = None if instant is None else on_frame(row, instant, LOCAL, "start")
        if instant is None or local is None:
            return ""
        office = in_zone(instant, self.office_zone)
        if local.utcoffset() == office.utcoffset():
            return ""
        other, whose = (office, "office") if self.frame == LOCAL else (local, "there")
        day = "" if other.date() == (local if self.frame == LOCAL else office).date() else f"{other:%a} "
        return f"{day}{other:%H:%M} {other.tzname()} {whose}"
