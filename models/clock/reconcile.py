"""One appointment's clocks, read, filled in and checked: a pure function of what was supplied and where.

Nothing that was supplied is ever changed; only empty fields are filled, and every contradiction is reported.
The same input gives the same outcome for as long as tzdata stays the same (clocks.md sections 1 to 8).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, Literal

from models.clock.allday import float_dates
from models.clock.discrepancies import Discrepancy
from models.clock.durations import LONGEST_MEASURED, spell_duration
from models.clock.endpoints import Endpoint, Settled, lay_out
from models.clock.frames import (
    DATE_FIELD,
    DATE_FIELDS,
    ENDPOINTS,
    FLOATING_ORDER,
    FRAMES,
    TIME_FIELD,
    TIME_FIELDS,
    Frame,
)
from models.clock.frames import Endpoint as EndpointName
from models.clock.offsets import InferredOffsets, infer_offsets
from models.clock.result import Basis, Reconciliation, Resolution, SourceName, Value
from models.clock.spellings import spell_date, spell_instant, spell_time, spell_wall
from models.clock.supplied import Supplied
from models.clock.tz import UTC_CLOCK, Clock, fixed_clock, tzdata_version, zone_clock
from models.clock.windows import window_discrepancies
from models.clock.zones import ZoneFinding

FILLED: Final = (
    *DATE_FIELDS,
    *TIME_FIELDS,
    "requested_date",
    "requested_time",
    "window_date_start",
    "window_date_end",
    "window_time_start",
    "window_time_end",
    "time_duration",
    "time_duration_s",
    "updated_at",
)
"""The names of `Reconciliation.values`: whatever was supplied, no other and none of them missing."""

_RenderKind = Literal["frame_mismatch", "nonexistent_time"]
_ASSUMED_YEAR = 2026  # only for an appointment without a single date


def reconcile(supplied: Supplied, finding: ZoneFinding, office_zone: str) -> Reconciliation:
    """Reconcile one appointment at a property whose zone is ``finding``, for an office in ``office_zone``.

    ``office_zone`` is an IANA name; ``ValueError`` is raised for an unknown one. Never fails otherwise: what
    cannot be resolved is marked ``unresolved`` and what contradicts is listed.
    """
    values: dict[str, Value] = {name: getattr(supplied, name) for name in FILLED}
    found = _source_mismatches(supplied, finding) + _stamp(supplied, values) + _duration_conflict(supplied)
    office = zone_clock(office_zone)
    run = _Run(supplied, values, found)
    if supplied.allday:
        run.all_day()
    else:
        run.timed(finding, office)
    found += window_discrepancies(supplied)
    return Reconciliation(
        values=values,
        start=run.marks["start"],
        stop=run.marks["stop"],
        zone_name=finding.zone.name if finding.zone is not None else None,
        zone_source=_source(finding, run.offsets),
        office_zone=office_zone,
        tzdata_version=tzdata_version(),
        offsets={
            endpoint: offset.seconds
            for endpoint, offset in run.offsets.by_endpoint.items()
            if run.marks[endpoint] is not None
        },
        discrepancies=tuple(found),
        assumed_folds=tuple(run.assumed_folds),
        start_instant=run.settled["start"].instant if "start" in run.settled else None,
        stop_instant=run.settled["stop"].instant if "stop" in run.settled else None,
        start_basis=run.bases.get("start"),
        stop_basis=run.bases.get("stop"),
    )


class _Run:
    """The state of one reconciliation while its columns are being filled."""

    def __init__(self, supplied: Supplied, values: dict[str, Value], found: list[Discrepancy]) -> None:
        self.supplied = supplied
        self.values = values
        self.found = found
        self.marks: dict[EndpointName, Resolution | None] = {"start": None, "stop": None}
        self.bases: dict[EndpointName, Basis] = {}
        self.settled: dict[EndpointName, Settled] = {}
        self.offsets = InferredOffsets()
        self.assumed_folds: list[Discrepancy] = []

    def all_day(self) -> None:
        """Float the dates; times and durations are neither filled nor read."""
        outcome = float_dates(self.supplied)
        self.values.update(outcome.filled)
        self.marks.update(outcome.marks)
        self.found += outcome.discrepancies
        self.bases = {endpoint: "date" for endpoint in ENDPOINTS if outcome.marks[endpoint] == "allday"}

    def timed(self, finding: ZoneFinding, office: Clock) -> None:
        """Place start and stop, render them into every frame, and settle the duration."""
        supplied = self.supplied
        local: Clock | None = None
        if finding.zone is not None:
            local = zone_clock(finding.zone.name)
        else:
            self.offsets = infer_offsets(supplied, office)
            self.found += self.offsets.discrepancies
        ends: dict[EndpointName, Endpoint] = {}
        for name in ENDPOINTS:
            offset = self.offsets.by_endpoint.get(name)
            here = fixed_clock(offset.seconds) if offset is not None else local
            ends[name] = Endpoint(name, supplied, {"utc": UTC_CLOCK, "local": here, "office": office}, offset)
        start, stop = lay_out(ends["start"], ends["stop"], supplied.duration_s)
        if start is None and stop is None and ends["start"].clocks["local"] is None:
            self._local_walls_alone()
        else:
            self._place(ends["start"], start)
            self._place(ends["stop"], stop)
            self._measure(start, stop)
        for name in ENDPOINTS:
            if self.marks[name] is None and ends[name].is_given:
                self.marks[name] = "unresolved"
        self._spell_duration()

    def _place(self, end: Endpoint, settled: Settled | None) -> None:
        if settled is None:
            return
        self.settled[end.name] = settled
        self.bases[end.name] = settled.basis
        mark: Resolution = settled.mark
        borrowed = end.offset is not None and not end.offset.own
        if borrowed and mark in ("exact", "derived"):
            incomplete = end.dates["local"] is None or end.times["local"] is None
            if settled.basis == "local" or incomplete:
                mark = "inferred"
        self.marks[end.name] = mark
        if mark == "fold":
            self._assume_fold(end, settled)
        for frame in FRAMES:
            self._render(end, frame, settled)

    def _assume_fold(self, end: Endpoint, settled: Settled) -> None:
        frame: Frame = "local" if settled.basis == "duration" else settled.basis
        clock = end.clocks[frame]
        if clock is not None:
            self.assumed_folds.append(
                Discrepancy(
                    "assumed_fold",
                    end.name,
                    frame,
                    spell_wall(clock.wall(settled.instant)),
                    spell_instant(settled.instant),
                )
            )

    def _render(self, end: Endpoint, frame: Frame, settled: Settled) -> None:
        """Fill what is missing of one frame from the instant, and compare what is there with it."""
        clock = end.clocks[frame]
        if clock is None:
            return
        wall = clock.wall(settled.instant)
        day, at = end.dates[frame], end.times[frame]
        typed = end.pair(frame)
        if typed is None and settled.typed is not None and frame == settled.basis:
            typed = settled.typed
        if typed is not None:
            self.values[DATE_FIELD[end.name, frame]] = typed.date()
            if typed == wall:
                return
            reading = clock.read(typed)
            if reading.shifted is not None:
                self._report("nonexistent_time", end, frame, spell_wall(typed), spell_wall(reading.shifted))
            if reading.instant != settled.instant:
                self._report("frame_mismatch", end, frame, spell_wall(typed), spell_wall(wall))
            return
        if day is None:
            self.values[DATE_FIELD[end.name, frame]] = wall.date()
        elif day != wall.date():
            self._report("frame_mismatch", end, frame, spell_date(day), spell_date(wall.date()))
        if at is None:
            self.values[TIME_FIELD[end.name, frame]] = wall.time()
        elif at != wall.time():
            self._report("frame_mismatch", end, frame, spell_time(at), spell_time(wall.time()))

    def _report(self, kind: _RenderKind, end: Endpoint, frame: Frame, supplied: str, expected: str) -> None:
        self.found.append(Discrepancy(kind, end.name, frame, supplied, expected))

    def _measure(self, start: Settled | None, stop: Settled | None) -> None:
        """Duration is elapsed time between instants; a stop that isn't after its start measures nothing."""
        if start is None or stop is None:
            return
        elapsed = (stop.instant - start.instant) // timedelta(seconds=1)
        duration = self.supplied.duration_s
        if elapsed <= 0:
            self.found.append(Discrepancy("stop_before_start"))
        elif duration is None:
            self.values["time_duration_s"] = elapsed if elapsed <= LONGEST_MEASURED else None
        elif duration != elapsed:
            self.found.append(Discrepancy("duration_mismatch", supplied=str(duration), expected=str(elapsed)))

    def _local_walls_alone(self) -> None:
        """Without any zone, local walls still complete each other, as if at one constant offset."""
        clocks: dict[Frame, Clock | None] = {"utc": None, "local": UTC_CLOCK, "office": None}
        ends = {name: Endpoint(name, self.supplied, clocks) for name in ENDPOINTS}
        start, stop = lay_out(ends["start"], ends["stop"], self.supplied.duration_s)
        for name, settled in (("start", start), ("stop", stop)):
            if settled is not None:
                endpoint = ends["start"] if name == "start" else ends["stop"]
                self._render(endpoint, "local", settled)
                self.marks[endpoint.name] = "unresolved"
                self.bases[endpoint.name] = settled.basis
        self._measure(start, stop)

    def _spell_duration(self) -> None:
        seconds = self.values["time_duration_s"]
        if seconds is None:
            seconds = self.values["time_duration_s"] = self.supplied.duration_s
        if self.values["time_duration"] is None and isinstance(seconds, int):
            self.values["time_duration"] = spell_duration(seconds)


def _source_mismatches(supplied: Supplied, finding: ZoneFinding) -> list[Discrepancy]:
    if finding.zone is None or not finding.lower:
        return []
    losers: dict[str, list[str]] = {}
    for zone in finding.mismatches(_year(supplied)):
        losers.setdefault(zone.name, []).append(zone.source)
    return [
        Discrepancy(
            "zone_source_mismatch",
            frame="local",
            supplied=name,
            expected=finding.zone.name,
            sources=(finding.zone.source, *sources),
        )
        for name, sources in losers.items()
    ]


def _year(supplied: Supplied) -> int:
    """The year of the appointment: rules differ by year, and only its own matters to it."""
    for endpoint in ENDPOINTS:
        for frame in FLOATING_ORDER:
            day: date | None = supplied.given_date(endpoint, frame)
            if day is not None:
                return day.year
    return supplied.updated_at_mt.year if supplied.updated_at_mt is not None else _ASSUMED_YEAR


def _stamp(supplied: Supplied, values: dict[str, Value]) -> list[Discrepancy]:
    stamp, sibling = supplied.updated_at_mt, supplied.updated_at
    if sibling is None:
        values["updated_at"] = stamp
        return []
    # The Mountain stamp has no fraction of a second, so one in the other stamp contradicts nothing.
    if stamp is None or sibling.replace(microsecond=0) == stamp:
        return []
    return [
        Discrepancy("updated_at_mismatch", supplied=spell_instant(sibling), expected=spell_instant(stamp))
    ]


def _duration_conflict(supplied: Supplied) -> list[Discrepancy]:
    read, seconds = supplied.time_duration_read, supplied.time_duration_s
    if read is None or seconds is None or read == seconds:
        return []
    return [Discrepancy("duration_conflict", supplied=str(read), expected=str(seconds))]


def _source(finding: ZoneFinding, offsets: InferredOffsets) -> SourceName:
    if finding.zone is not None:
        return finding.zone.source
    return "inferred_offset" if offsets.by_endpoint else "none"
